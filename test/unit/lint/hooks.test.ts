// Tests the lint rule that allows only files in grpc-hooks/ to use internals of grpc-js and of
// Node's sockets. Also tests that each hook documents what it relies on, and has a contract test.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ESLint, type Rule } from "eslint";
import tseslint from "typescript-eslint";
import { root, sourcesIn } from "./sources.js";

const { hooksRoom } = (await import(pathToFileURL(join(root, "eslint.hooks.js")).href)) as {
  readonly hooksRoom: Rule.RuleModule;
};

const outside = "src/transport/new-file.ts";
const inside = "src/transport/grpc-hooks/new-file.ts";

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: {
    files: ["src/**/*.ts"],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: {
        projectService: { allowDefaultProject: [outside, inside], defaultProject: "tsconfig.json" },
        tsconfigRootDir: root,
      },
    },
    plugins: { house: { rules: { "hooks-room": hooksRoom } } },
    rules: { "house/hooks-room": "error" },
  },
});

async function refusals(file: string, text: string): Promise<number> {
  const [result] = await eslint.lintText(text, { filePath: join(root, file) });
  const messages = result?.messages ?? [];
  assert.deepEqual(
    messages.filter(({ ruleId }) => ruleId === null).map(({ message }) => message),
    [],
    text,
  );
  return messages.length;
}

const types =
  'import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";\n' +
  'import type { Client } from "@grpc/grpc-js";\n' +
  "declare const session: ServerHttp2Session, stream: ServerHttp2Stream, client: Client;\n";

const ways = {
  "a private property": "export const { _handle: handle } = session.socket as never;\n",
  "a private property by name": 'export const read = (value: any) => value["_handle"];\n',
  "another type by force": "export const inner = client as unknown as { channel: object };\n",
  "a method that is replaced": "stream.push = () => true;\n",
  "a property that the types do not have": 'export const has = "decoder" in client;\n',
  "a function without types": 'export const pool: unknown = Reflect.get(client, "pool");\n',
  "a module that is not exported":
    'import { Http2SubchannelCall } from "@grpc/grpc-js/build/src/subchannel-call.js";\n' +
    "export const type = Http2SubchannelCall;\n",
};

for (const [what, text] of Object.entries(ways)) {
  void test(`only a hook may use internals: ${what}`, async () => {
    assert.notEqual(await refusals(outside, types + text), 0);
    assert.equal(await refusals(inside, types + text), 0);
  });
}

void test("the documented types may be used everywhere", async () => {
  const text =
    "export const open = session as ServerHttp2Session | undefined;\n" +
    'export const size = { ...session.localSettings }, listeners = stream.listeners("end");\n' +
    "stream.close();\n";
  assert.equal(await refusals(outside, types + text), 0);
});

/** Files in grpc-hooks/ that do not use internals, each with its purpose. */
const helpers: Readonly<Record<string, string>> = {
  "src/client/grpc-hooks/missing.ts": "reports hooks that do not attach",
  "src/transport/grpc-hooks/attachments.ts": "reports hooks that do not attach",
  "src/transport/grpc-hooks/error-codes.ts": "public constants of node:http2",
  "src/transport/grpc-hooks/first-call.ts": "uses all hooks once",
};

void test("each hook documents what it relies on, why, and the effect of a failure, and has a contract test", () => {
  const tests = sourcesIn("test");
  const files = [...sourcesIn("src/transport/grpc-hooks"), ...sourcesIn("src/client/grpc-hooks")];
  assert.ok(files.length > Object.keys(helpers).length, "no hooks");
  const problems = files.flatMap(([file, text]) => {
    if (Object.hasOwn(helpers, file)) return [];
    const lacks = ["// Relies on:", "// For:", "// If it changes:"].filter(
      (part) => !text.includes(`\n${part}`),
    );
    const contract = file.replace("src/", "test/unit/").replace(/\.ts$/, ".test.ts");
    if (tests.get(contract)?.startsWith("// Contract: ") !== true) lacks.push(contract);
    return lacks.map((part) => `${file}: ${part}`);
  });
  assert.deepEqual(problems, []);
  const paths = new Set(files.map(([file]) => file));
  assert.deepEqual(
    Object.keys(helpers).filter((file) => !paths.has(file)),
    [],
    "these helpers no longer exist",
  );
});
