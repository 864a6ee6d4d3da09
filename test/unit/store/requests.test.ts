// Tests how long a request id is remembered.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import type { Clock } from "../../../src/base/clock.js";
import type { SnapshotStore } from "../../../src/store/snapshot-store.js";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import { withScratchDir } from "../../support/scratch.js";
import { never, openTestStore, requestFor, tarOf } from "./support.js";

const hourMs = 3600 * 1000;

function create(store: SnapshotStore, name: string, requestId: string) {
  return store.create(requestFor(name, { requestId }), tarOf({ f: Buffer.from("x") }), never);
}

test("a request id is forgotten when its time is over and not earlier, also across restarts", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const startMs = Date.UTC(2030, 0, 1);
    let nowMs = startMs;
    const clock: Clock = {
      now: () => new Date(nowMs),
      monotonicMs: () => performance.now(),
      boot: () => ({ id: "boot", elapsedMs: nowMs - startMs }),
    };
    const options = { requestRetentionMs: 24 * hourMs, accessFlushIntervalMs: 5 };
    const [older, younger] = [randomUUID(), randomUUID()];
    {
      await using store = await openTestStore(root, options, clock);
      assert.equal(store.limits.requestRetentionMs, 24 * hourMs);
      await create(store, "older", older);
      nowMs += hourMs;
      const { config } = await create(store, "younger", younger);
      nowMs += 23 * hourMs;
      // The request id is still remembered exactly 24 hours after the end of its call.
      await failsWith(create(store, "other", older), "REQUEST_ID_REUSED");
      assert.equal((await create(store, "younger", younger)).config.id, config.id);
    }
    await using store = await openTestStore(root, options, clock);
    await failsWith(create(store, "other", older), "REQUEST_ID_REUSED");
    nowMs += hourMs - 1;
    const again = await eventually("the older id forgotten", async () => {
      try {
        return await create(store, "other", older);
      } catch (error) {
        if (!isStoreError(error, "REQUEST_ID_REUSED")) throw error;
        return undefined;
      }
    });
    assert.equal(again.config.name, "other");
    // The run that removed the older request id has checked the younger one, and has kept it.
    await failsWith(create(store, "another", younger), "REQUEST_ID_REUSED");
    assert.equal(store.list({ pageSize: 10 }).totalSize, 3);
  });
});
