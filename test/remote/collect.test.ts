// Tests collections of a real bucket. A collection removes what no snapshot and no claim names, and
// everything else stays complete, whatever pushes and deletions run at the same time.
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import {
  collectRemote,
  type CollectOptions,
  type RemoteCollection,
} from "../../src/remote/collect.js";
import { deleteRemote } from "../../src/remote/deletion.js";
import { encodeJson } from "../../src/remote/format/checked-json.js";
import { collectionKey, holdsOf, packKey } from "../../src/remote/format/keys.js";
import { newRemoteId } from "../../src/remote/format/remote-id.js";
import { readCommit, readPacks, type RemoteReader } from "../../src/remote/remote-map.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { bucketAt, noEngine, startEngine, type Engine } from "../support/engine.js";
import { patternBytes, withScratchDir } from "../support/scratch.js";
import { createFrom, download, never, openTestStore } from "../unit/store/support.js";
import { openRemote, pull, push, pushWith } from "./nodes.js";

const skip = noEngine;
const day = 24 * 3_600_000;
const blockBytes = 256 * 1024;
const atOnce: CollectOptions = { graceMs: 0, claimTtlMs: 7 * day, dryRun: false };

let engine: Engine;
let prefixes = 0;

before(async () => {
  if (skip === false) engine = await startEngine();
});

after(async () => {
  if (skip === false) await engine[Symbol.asyncDispose]();
});

interface Scene {
  readonly one: SnapshotStore;
  readonly two: SnapshotStore;
  readonly remote: RemoteReader;
  /** Returns the keys of the objects below a prefix, in order. */
  keys(prefix: string): Promise<string[]>;
  remove(key: string): Promise<void>;
}

function withRemote(body: (scene: Scene) => Promise<void>): () => Promise<void> {
  return () =>
    withScratchDir(async (scratch) => {
      prefixes += 1;
      const prefix = `test${prefixes}/`;
      const directory = join(engine.directory, prefix);
      using bucket = bucketAt(engine.endpoint, engine.keys, { table: { prefix } });
      await using one = await openTestStore(join(scratch, "one"));
      await using two = await openTestStore(join(scratch, "two"));
      const remote = await openRemote(bucket);
      await body({
        ...{ one, two, remote },
        keys: async (below) => {
          const found = await readdir(join(directory, below), {
            recursive: true,
            withFileTypes: true,
          }).catch(() => []);
          return found
            .filter((entry) => entry.isFile())
            .map((entry) => join(entry.parentPath, entry.name).slice(directory.length))
            .sort();
        },
        remove: (key) => rm(join(directory, key)),
      });
    });
}

function collect(
  remote: RemoteReader,
  options: Partial<CollectOptions> = {},
): Promise<RemoteCollection> {
  return collectRemote({ ...remote, clock: systemClock }, { ...atOnce, ...options }, never);
}

async function remove(remote: RemoteReader, id: string) {
  return (await deleteRemote({ ...remote, clock: systemClock }, id, never)).outcome;
}

async function packsOf(remote: RemoteReader, id: string): Promise<string[]> {
  return (await readPacks(remote, await readCommit(remote, id, never), never)).map(packKey).sort();
}

async function assertWhole({ remote, two }: Scene, id: string, one: SnapshotStore, ref: string) {
  const filled = { sparseFormat: "none" } as const;
  const snapshot = await pull(remote, two, id);
  const bytes = await download(two, snapshot.config.id, filled);
  assert.ok(bytes.equals(await download(one, ref, filled)), `${ref}: the bytes differ`);
}

function memoryWith(seed: number): Buffer {
  const memory = patternBytes(8 * blockBytes, 1);
  patternBytes(4096, seed).copy(memory, (seed % 8) * blockBytes);
  return memory;
}

test(
  "the packs of a deleted snapshot are removed, except those that another snapshot borrows",
  { skip },
  withRemote(async (scene) => {
    const { one, remote, keys } = scene;
    await createFrom(one, "base", { memory: memoryWith(2) });
    await createFrom(one, "child", { memory: memoryWith(3) });
    await createFrom(one, "other", { memory: patternBytes(blockBytes, 9) });
    const base = await push(remote, one, "base");
    const child = await push(remote, one, "child", { remoteId: base.id, local: "base" });
    const other = await push(remote, one, "other");
    assert.ok(child.borrowedPacks > 0);
    const nothing = await collect(remote);
    assert.deepEqual([nothing.packs, nothing.maps, nothing.snapshots], [0, 0, 3]);

    assert.equal(await remove(remote, base.id), "deleted");
    assert.equal(await remove(remote, other.id), "deleted");
    assert.equal(await remove(remote, other.id), "missing");
    const dry = await collect(remote, { dryRun: true });
    assert.equal((await keys("maps")).length, 3);
    const done = await collect(remote);
    assert.deepEqual([dry.packs, dry.packBytes, dry.maps], [done.packs, done.packBytes, done.maps]);
    assert.deepEqual([done.packs, done.maps, done.snapshots], [1, 2, 1]);
    assert.ok(done.packBytes > blockBytes);
    assert.deepEqual(await keys("packs"), await packsOf(remote, child.id));
    assert.deepEqual(await keys("gc"), []);
    assert.deepEqual(await keys("deletes"), []);
    await assertWhole(scene, child.id, one, "child");
  }),
);

test(
  "young objects are kept for the grace time",
  { skip },
  withRemote(async ({ one, remote, keys }) => {
    await createFrom(one, "vm", { memory: memoryWith(2) });
    const { id } = await push(remote, one, "vm");
    await remove(remote, id);
    assert.equal((await collect(remote, { graceMs: day })).packs, 0);
    assert.equal((await collect(remote)).packs, 1);
    assert.deepEqual(await keys("packs"), []);
  }),
);

test(
  "a collection in the middle of a push removes nothing of the push",
  { skip },
  withRemote(async (scene) => {
    const { one, remote } = scene;
    await createFrom(one, "base", { memory: memoryWith(2) });
    await createFrom(one, "child", { memory: memoryWith(3) });
    const base = await push(remote, one, "base");
    let collected: RemoteCollection | undefined;
    const child = await pushWith(remote, one, "child", {
      base: { remoteId: base.id, local: "base" },
      // At this point the claim exists, the base is deleted, and the packs are not written yet.
      throttle: async () => {
        if (collected !== undefined) return;
        assert.equal(await remove(remote, base.id), "deleted");
        collected = await collect(remote);
      },
    });
    assert.equal(collected?.packs, 0);
    assert.ok(child.borrowedPacks > 0);
    await assertWhole(scene, child.id, one, "child");
  }),
);

test(
  "a push whose claim has expired notices that its base was collected, and pushes everything",
  { skip },
  withRemote(async (scene) => {
    const { one, remote, keys } = scene;
    await createFrom(one, "base", { memory: memoryWith(2) });
    await createFrom(one, "child", { memory: memoryWith(3) });
    const base = await push(remote, one, "base");
    let collections = 0;
    const child = await pushWith(remote, one, "child", {
      base: { remoteId: base.id, local: "base" },
      throttle: async () => {
        if (collections++ > 0) return;
        await remove(remote, base.id);
        const { claims, packs } = await collect(remote, { claimTtlMs: -day });
        assert.deepEqual([claims, packs], [1, 1]);
      },
    });
    assert.equal(child.borrowedPacks, 0);
    await assertWhole(scene, child.id, one, "child");
    await collect(remote);
    assert.deepEqual(await keys("packs"), await packsOf(remote, child.id));
    assert.deepEqual(await keys("claims"), []);
  }),
);

test(
  "packs in the intent of a dead collector are not borrowed, and the intent is removed with them",
  { skip },
  withRemote(async (scene) => {
    const { one, remote, keys } = scene;
    await createFrom(one, "base", { memory: memoryWith(2) });
    await createFrom(one, "child", { memory: memoryWith(3) });
    const base = await push(remote, one, "base");
    const intent = collectionKey(newRemoteId(new Date()));
    const doomed = await packsOf(remote, base.id);
    const content = encodeJson(
      intent,
      { version: 1, keys: doomed },
      remote.repository.sealFor(intent),
    );
    await remote.bucket.put(intent, content, never);
    const [run] = (await collect(remote)).otherRuns;
    assert.deepEqual([run?.kind, run?.objects], ["collection", doomed.length]);
    assert.equal(intent, collectionKey(run?.run ?? ""));
    const child = await push(remote, one, "child", { remoteId: base.id, local: "base" });
    assert.equal(child.borrowedPacks, 0);
    await assertWhole(scene, base.id, one, "base");
    await remove(remote, base.id);
    assert.deepEqual((await collect(remote)).otherRuns, []);
    assert.deepEqual(await keys("gc"), []);
    await assertWhole(scene, child.id, one, "child");
  }),
);

test(
  "a broken snapshot neither protects its packs nor stops a collection",
  { skip },
  withRemote(async (scene) => {
    const { one, remote, keys } = scene;
    await createFrom(one, "lost", { memory: patternBytes(70 * blockBytes, 5) });
    await createFrom(one, "kept", { memory: memoryWith(2) });
    const lost = await push(remote, one, "lost");
    const kept = await push(remote, one, "kept");
    const [first = "", ...others] = await packsOf(remote, lost.id);
    assert.ok(others.length > 0);
    await scene.remove(first);
    const done = await collect(remote);
    assert.deepEqual([done.broken, done.packs, done.maps], [[lost.id], others.length, 1]);
    assert.equal(await remove(remote, lost.id), "deleted");
    assert.deepEqual((await collect(remote)).broken, []);
    assert.deepEqual(await keys("packs"), await packsOf(remote, kept.id));
    await assertWhole(scene, kept.id, one, "kept");
  }),
);

test(
  "a snapshot with a hold of a node is not deleted, and holds of a deleted snapshot are swept",
  { skip },
  withRemote(async ({ one, remote, keys }) => {
    await createFrom(one, "vm", { memory: memoryWith(2) });
    const { id } = await push(remote, one, "vm");
    const hold = `${holdsOf(id)}node1/${newRemoteId(new Date())}`;
    await remote.bucket.put(hold, Buffer.alloc(0), never);
    assert.equal(await remove(remote, id), "held");
    assert.deepEqual(await keys("deletes"), []);
    assert.equal((await collect(remote)).leftovers, 0);
    await remote.bucket.delete(hold, never);
    assert.equal(await remove(remote, id), "deleted");
    await remote.bucket.put(hold, Buffer.alloc(0), never);
    assert.equal((await collect(remote)).leftovers, 1);
    assert.deepEqual(await keys("holds"), []);
  }),
);
