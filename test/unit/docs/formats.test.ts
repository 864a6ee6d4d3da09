// Tests that docs/formats.md has the versions of the store, catalog, manifest and block table that
// the program writes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { formats } from "../../../src/store/parts/formats.js";

const page = readFileSync(new URL("../../../../docs/formats.md", import.meta.url), "utf8");

/**
 * Returns the versions that the program writes, from the row of the page that begins with `what`.
 */
function written(what: string): string | undefined {
  const row = page.split("\n").find((line) => line.startsWith(`| ${what} |`));
  return row?.split("|")[3]?.trim();
}

test("docs/formats.md has the versions that the program writes", () => {
  assert.equal(written("the store"), String(formats.store));
  assert.equal(written("catalog"), String(formats.catalog));
  assert.equal(written("manifest"), String(formats.manifest));
  const [newest] = formats.blockTables.slice(-1);
  assert.match(written("block table") ?? "", new RegExp(`^${newest}\\b`));
  assert.ok(
    page.includes(`1 to ${formats.catalog}; older ones are migrated to ${formats.catalog}`),
  );
});
