// Tests that a missing, damaged or outdated catalog is rebuilt: all snapshots exist, and no others.
// Without a catalog, snapshots with damaged manifests go to quarantine.
import assert from "node:assert/strict";
import { cp, open, readdir, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { assertClean } from "../support/clean.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir, removeScratch } from "../support/scratch.js";
import { compareStored, entriesOf } from "./contents.js";
import { catalogDamages, checkRebuilt, makeHistory } from "./rebuild-cases.js";
import { damageEveryManifest } from "./rebuild-manifests.js";
import { addSnapshot, tamper, withStoredScene, type StoredScene } from "./stored-scene.js";

for (const [damage, inflict] of Object.entries(catalogDamages)) {
  test(`with a catalog that was ${damage}, every snapshot is unchanged and no deleted one is back`, () =>
    withScratchDir(async (scratch) => {
      const history = await makeHistory(scratch, 50);
      await inflict(history);
      await checkRebuilt(history);
      // The next start has nothing to repair.
      await using store = await reopen(history.root);
      assert.ok(Object.values(store.recovery).every((count) => count === 0));
    }));
}

test("each damaged manifest goes to quarantine without the catalog, and the others are unchanged", () =>
  withScratchDir(async (scratch) => {
    const history = await makeHistory(scratch, 30);
    const { damaged } = await damageEveryManifest(history, 3);
    const total = [...damaged.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(total, history.expected.size);
    assert.equal(damaged.size, 7, "a kind of damage was not tried");
    await catalogDamages["deleted"]?.(history);
    await checkRebuilt(history);
  }));

/**
 * Runs `change` and then restores the catalog from before. The store must be closed before and
 * after.
 */
async function putBack({ layout, scratch }: StoredScene, change: () => Promise<void>) {
  const copy = join(scratch, "older.db");
  await cp(layout.catalogDatabase, copy);
  await change();
  await rm(`${layout.catalogDatabase}-wal`, { force: true });
  await cp(copy, layout.catalogDatabase);
}

test("an upload that was pending in the older copy is kept, because it was acknowledged since", () =>
  withStoredScene(async (scene) => {
    const { root, layout, source, a } = scene;
    const id = a.config.id;
    tamper(scene, "DELETE FROM snapshot_labels; DELETE FROM pins");
    tamper(scene, `UPDATE snapshots SET state = 'pending' WHERE id = '${id}'`);
    await putBack(scene, async () => {
      tamper(scene, `UPDATE snapshots SET state = 'ready' WHERE id = '${id}'`);
      await using store = await reopen(root);
      await addSnapshot(store, source, "later");
    });
    await using store = await reopen(root);
    assert.equal(store.inspect("a").config.id, id);
    await compareStored(layout.filesDirectory(id), source);
    assert.equal(store.list({ pageSize: 10 }).totalSize, 3);
  }));

test("a restored older copy counts as current once the catalog has advanced", () =>
  withStoredScene(async (scene) => {
    const { root, layout, scratch, source, b } = scene;
    await putBack(scene, async () => {
      await using store = await reopen(root);
      for (const name of ["d", "e", "f"]) await addSnapshot(store, source, name);
    });
    {
      await using store = await reopen(root);
      assert.equal(store.recovery.adopted, 3);
    }
    // From now on, a missing directory counts as a loss again.
    await cp(layout.dataDirectory(b.config.id), join(scratch, "away"), { recursive: true });
    await removeScratch(layout.dataDirectory(b.config.id));
    await using store = await reopen(root);
    assert.equal(store.recovery.dropped, 0);
    assert.equal(store.recovery.lost, 1);
  }));

/** Each entry changes the manifest in a snapshot's directory. */
const manifestDamages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "a flipped bit": async (path) => {
    await using handle = await open(path, "r+");
    const offset = Math.floor((await handle.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    await handle.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, offset);
  },
  "half of it": async (path) => truncate(path, Math.floor((await stat(path)).size / 2)),
  "none at all": (path) => rm(path),
};

for (const [damage, inflict] of Object.entries(manifestDamages)) {
  test(`a manifest with ${damage} is served with a catalog and set aside without`, () =>
    withScratchDir(async (scratch) => {
      const { root, expected } = await makeHistory(scratch, 10);
      const [, ...rest] = [...expected.keys()];
      for (const id of rest) {
        const before = join(scratch, "before");
        await cp(root, before, { recursive: true });
        await inflict(join(root, "data", id, "manifest.json"));
        {
          await using store = await reopen(root);
          assert.equal(store.list({ pageSize: 100 }).totalSize, expected.size);
        }
        const kind = damage === "none at all" ? "manifest_missing" : "manifest_damaged";
        await assertClean(root, [kind]);
        for (const name of await readdir(root)) {
          if (name.startsWith("catalog.db")) await rm(join(root, name));
        }
        {
          await using store = await reopen(root);
          assert.equal(store.recovery.quarantined, 1);
          assert.equal(store.list({ pageSize: 100 }).totalSize, expected.size - 1);
          assert.ok((await entriesOf(root, "quarantine")).includes(id));
        }
        await removeScratch(root);
        await cp(before, root, { recursive: true });
        await removeScratch(before);
      }
    }));
}
