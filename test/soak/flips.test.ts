// Runs `npm run lab -- soak-flips` briefly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { playFlips } from "./flips.js";
import { inSoakDirectory } from "./soak-main.js";

void test("every flipped byte is found, named by file and range, and never returned by a verified read", async () => {
  const flips = 200;
  const { problems, counts } = await inSoakDirectory("flips", (directory) =>
    playFlips({ directory, seed: 1, flips }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.fromEntries(counts), {
    "bytes flipped": flips,
    "default reads showed their client the damage": flips / 5,
    "verified reads refused the damage": flips,
    "marked by the verified read": flips,
    "found by Verify, by file and range": flips,
    "refused once it was marked": 2 * flips,
  });
});
