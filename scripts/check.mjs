// `npm run check [-- --since REF]`: the quick loop. It compiles everything and lints the files that
// changed since the last commit (or REF). It runs the unit tests that changed or that import a
// changed file.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { capture, passThrough, root } from "./run-tool.mjs";

const { values } = parseArgs({ options: { since: { type: "string", default: "HEAD" } } });

function main() {
  const changed = changedFiles(values.since);
  process.stdout.write(`check: ${changed.length} changed files since ${values.since}\n`);
  const code = changed.filter((file) => /\.(ts|js|mjs)$/.test(file) && !file.startsWith("gen/"));
  const tests = testsOf(changed);
  return (
    run("scripts/build.mjs") ||
    (code.length > 0 && passThrough("eslint", ["--max-warnings", "0", ...code])) ||
    (changed.length > 0 && passThrough("prettier", ["--check", "--ignore-unknown", ...changed])) ||
    (tests.length > 0 && run("scripts/test.mjs", ...tests)) ||
    0
  );
}

function run(script, ...args) {
  return passThrough(process.execPath, [join(root, script), ...args]);
}

function changedFiles(since) {
  const git = (...args) => capture("git", args).stdout.split("\n").filter(Boolean);
  const files = [
    ...git("diff", "--name-only", "--diff-filter=d", since),
    ...git("ls-files", "--others", "--exclude-standard"),
  ];
  return files.filter((file) => existsSync(join(root, file)));
}

/** Returns the paths of the compiled tests, relative to dist/, as scripts/test.mjs expects them. */
function testsOf(changed) {
  const files = readdirSync(join(root, "test", "unit"), { recursive: true })
    .map((file) => `test/unit/${file}`)
    .filter((file) => file.endsWith(".test.ts"));
  return files
    .filter(
      (file) => changed.includes(file) || importsOf(file).some((each) => changed.includes(each)),
    )
    .map((file) => file.replace(/\.ts$/, ".js"));
}

function importsOf(file) {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)\.js"/g)].map(([, path]) =>
    relative(root, resolve(root, dirname(file), `${path}.ts`)),
  );
}

process.exitCode = main();
