// Tests that other work runs between two commits, each of which blocks the thread.
import assert from "node:assert/strict";
import { setImmediate as nextRound } from "node:timers/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CommitTurns } from "../../../src/store/parts/commit-turns.js";

const longerThanAPauseMs = 200;

/** Blocks the thread like a commit on a slow disk. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

for (const commitMs of [0, 15]) {
  test(`writers that commit for ${commitMs} ms take turns in order, with reads between them`, async () => {
    const turns = new CommitTurns();
    const log: string[] = [];
    const writers = Array.from({ length: 8 }, async (_, index) => {
      await turns.take();
      block(commitMs);
      log.push(`w${index}`);
    });
    let writing = true;
    const all = Promise.all(writers).finally(() => (writing = false));
    while (writing) {
      await nextRound();
      log.push("read");
    }
    await all;
    const commits = log.filter((entry) => entry !== "read");
    assert.deepEqual(
      commits,
      commits.map((_, index) => `w${index}`),
    );
    assert.equal(commits.length, 8);
    // The first two commits may be in the same round of the event loop.
    const rounds = log.slice(log.indexOf("w1")).join(" ");
    assert.doesNotMatch(rounds, /w\d w\d/);
  });
}

test("an idle store grants a turn at once, and does so again after a writer that commits nothing", async () => {
  const turns = new CommitTurns();
  for (let round = 0; round < 2; round += 1) {
    let granted = false;
    void turns.take().then(() => (granted = true));
    await Promise.resolve();
    assert.ok(granted);
    await nextRound();
    // On a busy machine, this round may look like a slow commit, which is followed by a pause.
    await sleep(longerThanAPauseMs);
  }
});
