// Tests that docs/consistency.md names a test file for every guarantee, and that each file exists.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const repository = new URL("../../../../", import.meta.url);

test("the tests that docs/consistency.md names exist, and every guarantee names one", () => {
  const text = readFileSync(new URL("docs/consistency.md", repository), "utf8");
  const named = [...text.matchAll(/`([a-z/-]+\/[a-z-]+(?:\.test)?\.ts)`/g)].map(
    ([, path]) => path ?? "",
  );
  assert.ok(named.length > 20, `only ${named.length} files are named`);
  const missing = named.filter((path) => !existsSync(new URL(`test/${path}`, repository)));
  assert.deepEqual(missing, []);
  const promises = text
    .split("\n## At the start")[0]
    ?.split("\n")
    .filter((line) => /^\| (?!call \||-)/.test(line));
  assert.ok(promises !== undefined && promises.length > 15);
  for (const line of promises) assert.match(line.split("|").at(-2) ?? "", /\.ts`/, line);
});
