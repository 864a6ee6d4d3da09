// Runs `npm run lab -- cuts` briefly. STASIS_SEED repeats a run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeScratch } from "../support/daemon.js";
import { cutKinds, runCuts } from "./cuts.js";
import { mib } from "./nodes.js";

/**
 * The number of bytes that may be in flight when the link is cut: HTTP/2 windows, and blocks that
 * are not written yet.
 */
const inFlightBytes = 8 * mib;

const runs = {
  "the link is cut": { cuts: 20, kinds: ["reset", "close"] },
  "the link is cut, the peer or the receiver killed": { cuts: 8, kinds: cutKinds },
} as const;

for (const [what, { cuts, kinds }] of Object.entries(runs)) {
  test(`after ${cuts} times ${what}, another call continues, and the result is the same`, async (t) => {
    const seed = Number(process.env["STASIS_SEED"] ?? Date.now() % 1_000_000);
    const scratch = await makeScratch(t, "stasis-cuts-");
    t.diagnostic(`seed ${seed}`);
    const summary = await runCuts({ cuts, kinds, seed, scratch, dataMib: 16 });
    const { mostAgainBytes, pulls } = summary;
    t.diagnostic(
      `${pulls} pulls, at most ${(mostAgainBytes / mib).toFixed(2)} MiB again for a cut`,
    );
    assert.ok(mostAgainBytes < inFlightBytes);
  });
}
