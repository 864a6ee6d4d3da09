// Lists the lint rules: typed TypeScript rules, the floors of src/, and the project's own rules.
import { basename } from "node:path";
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";
import { boundaries } from "./eslint.boundaries.js";
import { commentRules } from "./eslint.comments.js";
import { cycles } from "./eslint.cycles.js";
import { hooksRoom } from "./eslint.hooks.js";

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)+$/;

const kebabCaseFiles = {
  meta: {
    type: "problem",
    docs: { description: "name files in kebab-case" },
    schema: [],
    messages: { name: "{{ name }} is not in kebab-case (like-this.ts)." },
  },
  create(context) {
    const name = basename(context.filename);
    return {
      Program(node) {
        if (!kebabCase.test(name)) context.report({ node, messageId: "name", data: { name } });
      },
    };
  },
};

const house = {
  rules: {
    boundaries,
    cycles,
    "hooks-room": hooksRoom,
    "kebab-case-files": kebabCaseFiles,
    ...commentRules,
  },
};

/**
 * The store changes its files through one object, so that tests can record each change and make it
 * fail.
 */
const changesOfFiles = {
  name: "node:fs/promises",
  importNames: [
    ...["appendFile", "chmod", "chown", "copyFile", "cp", "lchown", "link", "lutimes", "mkdir"],
    ...["mkdtemp", "rename", "rm", "rmdir", "symlink", "truncate", "unlink", "utimes", "writeFile"],
  ],
  message: "Call it on `disk` of holes/file-operations.ts.",
};

const passedOn = { allowThrowingAny: true, allowThrowingUnknown: true };

/** Folders whose files are generated, built or not ours. */
const notLinted = ["gen/**", "dist/**", "dist-*/**", "coverage/**", "node_modules/**"];

export default defineConfig(
  { ignores: notLinted },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    plugins: { house },
    rules: {
      "house/kebab-case-files": "error",
      "house/comment-width": "error",
      eqeqeq: ["error", "always"],
      "no-restricted-exports": [
        "error",
        {
          restrictDefaultExports: {
            direct: true,
            named: true,
            defaultFrom: true,
            namedFrom: true,
            namespaceFrom: true,
          },
        },
      ],
    },
  },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          // node:test waits for its tests itself, so their promises may float.
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] },
          ],
        },
      ],
      // A promise returned from a scope with `await using` may reject while the scope disposes. An
      // unhandled rejection ends the process.
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // Code may rethrow values from elsewhere, such as the reason of an AbortSignal.
      "@typescript-eslint/only-throw-error": ["error", passedOn],
      "@typescript-eslint/prefer-promise-reject-errors": ["error", passedOn],
      // An async function without await can implement an interface of promises.
      "@typescript-eslint/require-await": "off",
      // Our methods are closures over their owner, so there is no `this` to lose.
      "@typescript-eslint/unbound-method": "off",
      // Status codes and file types arrive as numbers.
      "@typescript-eslint/no-unsafe-enum-comparison": "off",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "house/boundaries": "error",
      "house/cycles": "error",
      "house/hooks-room": "error",
      "max-lines": ["error", { max: 400 }],
      "max-lines-per-function": ["error", { max: 60 }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "ImportExpression[source.type!='Literal']",
          message: "Write the module's name here: the boundaries cannot be seen otherwise.",
        },
        {
          selector: "CallExpression[callee.name='createRequire']",
          message: "Use import or import(): the boundaries cannot be seen through require.",
        },
      ],
    },
  },
  {
    files: ["src/files/**/*.ts", "src/holes/**/*.ts"],
    ignores: ["src/holes/file-operations.ts"],
    rules: { "no-restricted-imports": ["error", { paths: [changesOfFiles] }] },
  },
  // This rule checks the words of comments and messages; see eslint.comments.js.
  {
    files: ["{src,scripts,examples,bench,test,web}/**/*.{ts,tsx,mjs}", "*.js"],
    rules: { "house/plain-english": "error" },
  },
  // This file imports an optional package, and the build must work without its types.
  { files: ["src/archive/zstd.ts"], rules: { "no-restricted-syntax": "off" } },
  {
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      // Tests read answers whose shape they are about to assert.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
    },
  },
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: {
      globals: { process: "readonly", URL: "readonly", setTimeout: "readonly" },
    },
  },
  {
    files: ["scripts/*.mjs"],
    languageOptions: { globals: { clearTimeout: "readonly" } },
  },
  // ESLint takes its configuration from a default export.
  { files: ["eslint.config.js"], rules: { "no-restricted-exports": "off" } },
);
