// Tests changes between the plan of a collection and an eviction: the collection checks each row
// again. Also tests that an upload stays invisible during a session that began while it was being
// published.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";
import { reopen } from "../support/reopen.js";
import { withScratchDir } from "../support/scratch.js";
import { makeSmallSource } from "./contents.js";
import { addSnapshot } from "./stored-scene.js";

const never = new AbortController().signal;
const count = 20;

test("a collection does not evict a snapshot that is opened or protected while it runs", () =>
  withScratchDir(async (scratch) => {
    await using store = await reopen(join(scratch, "root"));
    const source = await makeSmallSource(join(scratch, "source"));
    for (let n = 0; n < count; n += 1) await addSnapshot(store, source, `s${n}`);
    const refs = (): string[] =>
      store.list({ pageSize: count }).snapshots.map((one) => one.config.id);
    const collecting = store.collectGarbage({ policy: { evictAll: true }, dryRun: false }, never);
    // After this loop the plan is complete, because the collection has evicted its first row.
    while (refs().length === count) await nextTurn();
    const [open = "", safe = ""] = refs();
    const opening = store.openDataDirectory(open, { force: false }, never);
    const updating = store.update({ ref: safe, protected: true });
    await using _lease = await opening;
    await updating;
    const results = await collecting;
    const outcomes = new Map(results.map(({ id, outcome }) => [id, outcome]));
    assert.equal(outcomes.get(open), "kept_in_use");
    assert.equal(outcomes.get(safe), "kept_protected");
    assert.deepEqual(refs().sort(), [open, safe].sort());
  }));

test("if a session begins while an upload is being published, nothing becomes visible in it", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using store = await reopen(root);
    const source = await makeSmallSource(join(scratch, "source"));
    let settled = false;
    const adding = addSnapshot(store, source, "late").finally(() => (settled = true));
    const published = (): boolean => readdirSync(join(root, "data")).length > 0;
    while (!published()) await nextTurn();
    const { sessionId, epoch } = store.gcSessions.begin({ owner: "images", ttlMs: 600_000 });
    assert.equal(store.list({ pageSize: 10 }).totalSize, 0, "the session began before the record");
    // If the store published the upload by mistake, it would do so within this time.
    for (const end = performance.now() + 500; performance.now() < end && !settled;) {
      await nextTurn();
    }
    assert.equal(store.list({ pageSize: 10 }).totalSize, 0);
    assert.equal(settled, false);
    store.gcSessions.end({ sessionId, epoch });
    await adding;
    assert.equal(store.list({ pageSize: 10 }).totalSize, 1);
  }));
