// Tests how long the data of an interrupted pull is kept, and that a discard never overlaps a new
// pull.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../src/base/logger.js";
import { openTransfers } from "../../src/replication/transfers.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { withScratchDir } from "../support/scratch.js";
import { steppedClock } from "../support/stepped-clock.js";
import { openTestStore } from "../unit/store/support.js";

const digestOf = (n: number): string => `sha256:${String(n).padStart(64, "0")}`;
const origin = { source: "peer", ref: "web" };
const logger = createLogger("silent");
const hourMs = 3_600_000;

/** Acts as a pull that fetches `parts` files and is then interrupted. */
async function fetchSome(store: SnapshotStore, digest: string, parts: number): Promise<string> {
  const transfer = await store.transfers.open(digest, origin);
  for (let index = 0; index < parts; index += 1) {
    await writeFile(transfer.partPath(index), "some");
  }
  return dirname(transfer.partPath(0));
}

test("an abandoned transfer is discarded when its time has passed, not at the next rare sweep", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    await using transfers = await openTransfers(store, { logger, ttlMs: 1000 });
    const claim = await transfers.claim(digestOf(1), "run");
    const directory = await fetchSome(store, digestOf(1), 3);
    // The data is kept while the pull runs, and for the whole `ttlMs` after the pull has ended.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.ok(existsSync(directory));
    const endedMs = performance.now();
    await claim[Symbol.asyncDispose]();
    await eventually("its removal", () => !existsSync(directory));
    const keptMs = performance.now() - endedMs;
    assert.ok(keptMs >= 900, `removed after ${keptMs} ms`);
  });
});

test("data is kept for elapsed time: a step of the clock discards nothing, even over restarts", async () => {
  await withScratchDir(async (scratch) => {
    const clock = steppedClock();
    const root = join(scratch, "root");
    const options = { logger, ttlMs: 24 * hourMs };
    const left = async (): Promise<number> => {
      await using store = await openTestStore(root, {}, clock);
      await using _ = await openTransfers(store, options);
      return (await readdir(store.layout.transfersRoot)).length;
    };
    {
      await using store = await openTestStore(root, {}, clock);
      await using transfers = await openTransfers(store, options);
      await using _ = await transfers.claim(digestOf(1), "run");
      await fetchSome(store, digestOf(1), 1);
      // The daemon is killed, so it does not record the end of this pull.
      await fetchSome(store, digestOf(2), 1);
    }
    for (const stepMs of [365 * 24 * hourMs, -2 * 365 * 24 * hourMs, 365 * 24 * hourMs]) {
      clock.step(stepMs);
      assert.equal(await left(), 2);
    }
    clock.pass(23 * hourMs);
    assert.equal(await left(), 2);
    clock.pass(2 * hourMs);
    assert.equal(await left(), 0);
  });
});

test("a discard and a new pull of the same snapshot never overlap", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    await using transfers = await openTransfers(store, { logger, ttlMs: hourMs });
    for (let round = 0; round < 5; round += 1) {
      const directory = await fetchSome(store, digestOf(1), 500);
      const removal = transfers.drop(digestOf(1));
      {
        await using _ = await transfers.claim(digestOf(1), "run");
        assert.ok(!existsSync(directory), "the pull began in what is being removed");
        await fetchSome(store, digestOf(1), 2);
        await removal;
        // Neither a cancellation nor a second pull may change the data now.
        await transfers.drop(digestOf(1));
        await failsWith(transfers.claim(digestOf(1), "another"), "OPERATION_IN_PROGRESS");
        assert.equal((await readdir(directory)).length, 3);
      }
    }
  });
});
