// A short run of `npm run soak:flips`.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { playFlips } from "./flips.js";

void test("every flipped byte is found, named by file and range, and never served verified", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stasis-flips-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const flips = 200;
  const { problems, counts } = await playFlips({ directory, seed: 1, flips });
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.fromEntries(counts), {
    "bytes flipped": flips,
    "verified reads refused the damage": flips,
    "default reads showed their client the damage": flips / 5,
    "found by Verify, by file and range": flips,
    "refused once it was marked": 2 * flips,
  });
});
