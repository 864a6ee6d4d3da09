// Tests starts with a store that somebody has changed by hand.
import assert from "node:assert/strict";
import { cp, mkdir, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { layoutOf } from "../../src/files/layout.js";
import { emptyConfig } from "../../src/model/config.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir, removeScratch } from "../support/scratch.js";
import { owned } from "../support/chunks.js";
import { compareStored, entriesOf, makeSmallSource, packDirectory } from "./contents.js";

const never = new AbortController().signal;

async function add(store: SnapshotStore, source: string, name: string): Promise<Snapshot> {
  const request = { requestId: "", onNameConflict: "fail", protected: name === "b" } as const;
  const config = { ...emptyConfig(), name, labels: { name }, image: `image of ${name}` };
  return store.create({ ...request, config }, owned(packDirectory(source)), never);
}

interface Scene {
  readonly root: string;
  readonly source: string;
  /** `kept` contains a and b. The deleted snapshot is c. */
  readonly kept: readonly Snapshot[];
}

/** Makes a closed store with a history. */
async function withClosedStore(body: (scene: Scene) => Promise<void>): Promise<void> {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    {
      await using store = await reopen(root);
      for (const name of ["a", "b", "c"]) await add(store, source, name);
      await store.update({ ref: "a", description: "changed" });
      await store.delete({ refs: ["c"], allowMissing: false });
    }
    await using store = await reopen(root);
    const kept = [store.inspect("a"), store.inspect("b")];
    await store[Symbol.asyncDispose]();
    await body({ root, source, kept });
  });
}

/** Returns the files of the catalog. The store is closed. */
async function catalogFiles(root: string): Promise<string[]> {
  const names = (await readdir(root)).filter((name) => name.startsWith("catalog.db"));
  return names.map((name) => join(root, name));
}

const damages: Record<string, (root: string) => Promise<void>> = {
  deleted: async (root) => {
    for (const file of await catalogFiles(root)) await rm(file);
  },
  "overwritten with noise": async (root) => {
    for (const file of await catalogFiles(root)) {
      await writeFile(file, randomBytes(Math.max(4096, (await stat(file)).size)));
    }
  },
  "overwritten with noise after its first page": async (root) => {
    const { size } = await stat(layoutOf(root).catalogDatabase);
    const noise = Buffer.alloc(size - 4096, 0xa5);
    await writeFile(layoutOf(root).catalogDatabase, noise, { flag: "r+" });
  },
  "truncated to half its size": async (root) => {
    const file = layoutOf(root).catalogDatabase;
    await truncate(file, Math.floor((await stat(file)).size / 2 / 4096) * 4096);
  },
  emptied: async (root) => truncate(layoutOf(root).catalogDatabase, 0),
};

for (const [damage, inflict] of Object.entries(damages)) {
  test(`a catalog that was ${damage} is rebuilt from the manifests`, () =>
    withClosedStore(async ({ root, source, kept }) => {
      await inflict(root);
      await using store = await reopen(root);
      assert.equal(store.recovery.adopted, 2);
      assert.equal(store.recovery.quarantined, 0);
      assert.equal(store.list({ pageSize: 10 }).totalSize, 2);
      for (const snapshot of kept) {
        const { lastAccessedAt: _, ...expected } = snapshot;
        const { lastAccessedAt: __, ...found } = store.inspect(snapshot.config.name);
        assert.deepEqual(found, expected);
        await compareStored(store.layout.filesDirectory(snapshot.config.id), source);
      }
      assert.throws(() => store.inspect("c"), { reason: "SNAPSHOT_NOT_FOUND" });
      await add(store, source, "c");
      await store[Symbol.asyncDispose]();
      await assertClean(root);
    }));
}

test("a deleted snapshot stays deleted when an older copy of the catalog is restored", () =>
  withClosedStore(async ({ root }) => {
    const copies = join(root, "..", "copies");
    await mkdir(copies);
    const [catalog = "", ...rest] = await catalogFiles(root);
    assert.deepEqual(rest, []);
    await cp(catalog, join(copies, "catalog.db"));
    {
      await using store = await reopen(root);
      await store.delete({ refs: ["a"], allowMissing: false });
    }
    await cp(join(copies, "catalog.db"), catalog);
    await using store = await reopen(root);
    assert.throws(() => store.inspect("a"), { reason: "SNAPSHOT_NOT_FOUND" });
    assert.deepEqual(
      store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name),
      ["b"],
    );
  }));

test("a snapshot whose directory is missing is lost, and the others are served", () =>
  withClosedStore(async ({ root, source, kept: [a, b] }) => {
    assert.ok(a && b);
    const away = join(root, "..", "away");
    await rename(layoutOf(root).dataDirectory(a.config.id), away);
    {
      await using store = await reopen(root);
      assert.equal(store.recovery.lost, 1);
      const listed = store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.id);
      assert.deepEqual(listed, [b.config.id]);
      await compareStored(store.layout.filesDirectory(b.config.id), source);
      assert.throws(() => store.inspect(a.config.id), { reason: "SNAPSHOT_NOT_FOUND" });
      await add(store, source, "a");
    }
    await rename(away, layoutOf(root).dataDirectory(a.config.id));
    // When the directory returns, the snapshot is served again, without its name, which another
    // snapshot has now.
    await using store = await reopen(root);
    assert.equal(store.inspect(a.config.id).config.name, "");
    assert.equal(store.list({ pageSize: 10 }).totalSize, 3);
  }));

// This test guards against a bug in which the hint offered a deletion that was refused.
test("a lost snapshot can be deleted by its id", () =>
  withClosedStore(async ({ root, kept: [a] }) => {
    assert.ok(a);
    const { id } = a.config;
    await removeScratch(layoutOf(root).dataDirectory(id));
    {
      await using store = await reopen(root);
      const byName = store.delete({ refs: ["a"], allowMissing: false });
      await failsWith(byName, "SNAPSHOT_NOT_FOUND");
      assert.deepEqual(await store.delete({ refs: [id], allowMissing: false }), [id]);
      await failsWith(store.delete({ refs: [id], allowMissing: false }), "SNAPSHOT_NOT_FOUND");
    }
    await using store = await reopen(root);
    assert.equal(store.recovery.lost, 0);
    await store[Symbol.asyncDispose]();
    await assertClean(root);
  }));

test("unexplained directories go to quarantine, and the others are served", () =>
  withClosedStore(async ({ root, kept: [a, b] }) => {
    assert.ok(a && b);
    const layout = layoutOf(root);
    await writeFile(join(layout.dataRoot, "notes.txt"), "mine");
    await mkdir(layout.dataDirectory("0123456789abcdef"));
    await cp(layout.dataDirectory(a.config.id), layout.dataDirectory("abcdefghjkmnpqrs"), {
      recursive: true,
    });
    // A user's own folder is not deleted, even in a directory named trash. It goes to quarantine.
    await mkdir(join(layout.trashRoot, "family photos"));
    await writeFile(join(layout.trashRoot, "family photos", "1.jpg"), "mine");
    await using store = await reopen(root);
    assert.equal(store.recovery.quarantined, 4);
    assert.deepEqual(await entriesOf(root, "trash"), []);
    const aside = (await entriesOf(root, "quarantine")).filter((name) => !/reason/.test(name));
    assert.deepEqual(aside, ["0123456789abcdef", "abcdefghjkmnpqrs", "family photos", "notes.txt"]);
    assert.deepEqual(await entriesOf(root, "data"), [a.config.id, b.config.id].sort());
    assert.equal(store.list({ pageSize: 10 }).totalSize, 2);
    await store[Symbol.asyncDispose]();
    await assertClean(root);
  }));

test("a second daemon on the same root is refused, and the error names the first", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using daemon = await startDaemonProcess(root);
    const error = await failsWith(reopen(root), "ROOT_LOCKED");
    assert.equal(error.metadata["pid"], String(daemon.pid));
    await assert.rejects(startDaemonProcess(root), /ROOT_LOCKED|is in use by process/);
    await daemon.kill();
    await using store = await reopen(root);
    assert.equal(store.recovery.quarantined, 0);
  }));
