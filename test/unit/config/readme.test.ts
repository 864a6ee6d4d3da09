import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { renderOptionsTable } from "../../../src/config/options-table.js";

void test("README has the table of all options (npm run docs writes it)", () => {
  const path = fileURLToPath(new URL("../../../../README.md", import.meta.url));
  assert.ok(readFileSync(path, "utf8").includes(renderOptionsTable()));
});
