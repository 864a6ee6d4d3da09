// Runs the compiled tests: `node scripts/test.mjs [TEXT...]` selects the files whose path contains
// one of the texts, or all files. `npm test -- TEXT` sets up and builds first.
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fail, root, runGroup, toolEnvironment } from "./run-tool.mjs";

const concurrency = 2;
/** Node 20 and 22 apply this limit to a whole test file, and Node 24 to each test in it. */
const testLimitMs = 20 * 60_000;
/** Ends a file that the limit above does not end, for example because of a forgotten handle. */
const runLimitMs = 50 * 60_000;

async function main(texts) {
  const files = testFiles(texts);
  if (files.length === 0) {
    const wanted = texts.length === 0 ? "" : ` with ${texts.join(" or ")} in their path`;
    fail(`test: no tests${wanted} in dist/test.`, 'Run "npm run build" first, or name others.');
  }
  const args = [
    // Node 20 would write TAP into a pipe. This reporter repeats the failures at the end.
    "--test-reporter=spec",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${testLimitMs}`,
  ];
  const run = await runGroup(process.execPath, ["--test", ...args, ...files], {
    // LC_ALL makes the programs that tests start accept UTF-8 names and print English messages,
    // whatever the host's locale is.
    env: toolEnvironment({ LC_ALL: "C.UTF-8" }),
    stdio: ["ignore", "inherit", "inherit"],
    limitMs: runLimitMs,
  });
  if (run.timedOut) fail(`test: stopped after ${runLimitMs / 60_000} minutes.`);
  process.exitCode = run.status;
}

function testFiles(texts) {
  const folder = join(root, "dist", "test");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.js"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => texts.length === 0 || texts.some((text) => file.includes(text)))
    .sort();
}

await main(process.argv.slice(2));
