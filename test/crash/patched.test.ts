// Checks that the seeded mistakes fit the build, so that `npm run lab -- mutants` can apply them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutants } from "./mutant-list.js";
import { patched } from "./patched.js";

for (const mutant of mutants) {
  test(`the build contains the text of: ${mutant.name}`, async () => {
    assert.ok((await patched(mutant)).includes(mutant.replace));
  });
}
