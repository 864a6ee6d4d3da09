// Tests that the tables of options in README.md match the program.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  renderOptionsTable,
  renderPeersTable,
  renderRemotesTable,
} from "../../../src/config/options-table.js";

void test("README.md has the current tables of options, peers and remotes (npm run fix writes them)", () => {
  const path = fileURLToPath(new URL("../../../../README.md", import.meta.url));
  const text = readFileSync(path, "utf8");
  assert.ok(text.includes(renderOptionsTable()));
  assert.ok(text.includes(renderPeersTable()));
  assert.ok(text.includes(renderRemotesTable()));
});
