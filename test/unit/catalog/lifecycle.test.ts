// Tests deletion, loss, adoption, changes, damage, accesses, pins, the name of the node, and
// several changes in one transaction.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdoptedSnapshot } from "../../../src/catalog/open.js";
import {
  configOf,
  fileOf,
  idOf,
  idsOf,
  startMs,
  store,
  throwsReason,
  withCatalog,
} from "./support.js";

function adopted(id: string, changes: Partial<AdoptedSnapshot> = {}): AdoptedSnapshot {
  return {
    config: configOf({ id, name: `name-${id}`, labels: { k: "v" }, imageBlobIds: ["blob"] }),
    createdAt: new Date(startMs),
    protected: false,
    files: [fileOf("memory"), fileOf("cow.raw")],
    digest: "sha256:aa",
    revision: 7,
    ...changes,
  };
}

test("markDeleting marks all of the snapshots or none, and frees names and pins", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "a", imageBlobIds: ["x"], labels: { k: "v" } });
    store(catalog, idOf("b"), { name: "b", imageBlobIds: ["x", "y"] });
    for (const wrong of [idOf("z"), ""]) {
      throwsReason(() => catalog.markDeleting([idOf("a"), wrong, idOf("b")]), "SNAPSHOT_NOT_FOUND");
    }
    assert.equal(catalog.totals().count, 2);
    assert.deepEqual(catalog.listPinnedBlobs("", 10), ["x", "y"]);

    catalog.markDeleting([idOf("a"), idOf("a")]);
    assert.deepEqual(catalog.idsInState("deleting"), [idOf("a")]);
    throwsReason(() => catalog.resolveRef("a"), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.markDeleting([idOf("a")]), "SNAPSHOT_NOT_FOUND");
    store(catalog, idOf("c"), { name: "a" });
    catalog.removeRow(idOf("a"));
    catalog.removeRow(idOf("a"));
    assert.equal(catalog.get(idOf("a")), undefined);
    assert.deepEqual(catalog.files(idOf("a")), []);
    assert.deepEqual(catalog.allIds(), [idOf("b"), idOf("c")]);
    catalog.markDeleting([]);
  });
});

test("an upload cannot be deleted like a snapshot", async () => {
  await withCatalog(({ catalog }) => {
    const createdAt = new Date(startMs);
    catalog.insertPending({ id: idOf("a"), config: configOf(), createdAt, kind: "create" });
    throwsReason(() => catalog.markDeleting([idOf("a")]), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.markLost(idOf("a")), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.setDigest(idOf("a"), "d", []), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.setCorrupt(idOf("a"), true), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.update(idOf("a"), { name: "n" }), "SNAPSHOT_NOT_FOUND");
    assert.equal(catalog.get(idOf("a"))?.state, "pending");
    assert.deepEqual(catalog.idsInState("pending"), [idOf("a")]);
  });
});

test("a lost snapshot is not served, and can be found again or deleted", async () => {
  await withCatalog(({ catalog }) => {
    catalog.insertReady(adopted(idOf("a")));
    catalog.insertReady(adopted(idOf("b")));
    catalog.markLost(idOf("a"));
    catalog.markLost(idOf("b"));
    assert.deepEqual(catalog.totals(), {
      count: 0,
      sizeBytes: 0,
      allocatedBytes: 0,
      chargedBytes: 0,
    });
    assert.equal(catalog.list({ pageSize: 5, filter: { labels: { k: "v" } } }).totalSize, 0);
    assert.match(
      throwsReason(() => catalog.resolveRef(idOf("a")), "SNAPSHOT_NOT_FOUND").message,
      /is lost: its directory was missing/,
    );
    assert.equal(catalog.resolveRef(`name-${idOf("a")}`, { states: ["lost"] }).state, "lost");

    const found = catalog.insertReady(adopted(idOf("a"), { revision: 9 }));
    assert.equal(found.state, "ready");
    assert.deepEqual(catalog.resolveRef(idOf("a")), found);
    assert.equal(catalog.list({ pageSize: 5, filter: { labels: { k: "v" } } }).totalSize, 1);
    catalog.markDeleting([idOf("b")]);
    const { chargedBytes } = found;
    assert.ok(chargedBytes > found.allocatedBytes);
    assert.deepEqual(catalog.totals(), {
      count: 1,
      sizeBytes: 8192,
      allocatedBytes: 4096,
      chargedBytes,
    });
  });
});

test("adoption keeps the manifest's values and respects names and ids", async () => {
  await withCatalog(({ catalog }) => {
    const manifest = adopted(idOf("a"), {
      protected: true,
      lastAccessedAt: new Date(startMs + 9),
    });
    const snapshot = catalog.insertReady(manifest);
    assert.deepEqual(snapshot.config, manifest.config);
    assert.equal(snapshot.protected, true);
    assert.deepEqual(snapshot.lastAccessedAt, manifest.lastAccessedAt);
    assert.deepEqual(snapshot.files, [fileOf("cow.raw"), fileOf("memory")]);
    assert.deepEqual(catalog.manifestState(idOf("a")), { snapshot, revision: 7, dirty: false });
    assert.deepEqual(catalog.listPinnedBlobs("", 5), ["blob"]);

    throwsReason(() => catalog.insertReady(manifest), "SNAPSHOT_ID_TAKEN");
    const sameName = adopted(idOf("b"), {
      config: configOf({ id: idOf("b"), name: manifest.config.name }),
    });
    throwsReason(() => catalog.insertReady(sameName), "SNAPSHOT_NAME_TAKEN");

    const newer = adopted(idOf("a"), { revision: 8, files: [fileOf("only")] });
    assert.deepEqual(catalog.insertReady(newer, { overwrite: true }).files, [fileOf("only")]);
    assert.equal(catalog.manifestState(idOf("a"))?.revision, 8);
    const { chargedBytes } = catalog.resolveRef(idOf("a"));
    assert.deepEqual(catalog.totals(), {
      count: 1,
      sizeBytes: 4096,
      allocatedBytes: 2048,
      chargedBytes,
    });
    // A refused overwrite keeps the row that it would have replaced.
    catalog.insertReady(adopted(idOf("c")));
    const clash = adopted(idOf("a"), {
      config: configOf({ id: idOf("a"), name: `name-${idOf("c")}` }),
    });
    throwsReason(() => catalog.insertReady(clash, { overwrite: true }), "SNAPSHOT_NAME_TAKEN");
    assert.equal(catalog.manifestState(idOf("a"))?.revision, 8);
  });
});

test("update changes the given fields and makes the manifest dirty until that revision is written", async () => {
  await withCatalog(({ catalog, reopen }) => {
    const { snapshot } = store(catalog, idOf("a"), {
      name: "n",
      description: "d",
      labels: { a: "1" },
    });
    assert.deepEqual(catalog.manifestDirtyIds(), []);
    const updated = catalog.update(idOf("a"), { labels: { b: "2" }, protected: true });
    assert.deepEqual(updated, {
      ...snapshot,
      protected: true,
      config: { ...snapshot.config, labels: { b: "2" } },
    });
    assert.deepEqual(
      idsOf(catalog.list({ pageSize: 5, filter: { labels: { b: "2" } } }).snapshots),
      [idOf("a")],
    );
    assert.equal(catalog.list({ pageSize: 5, filter: { labels: { a: "1" } } }).totalSize, 0);
    catalog.update(idOf("a"), { name: "", description: "" });
    assert.deepEqual(catalog.manifestDirtyIds(), [idOf("a")]);

    const again = reopen();
    const state = again.manifestState(idOf("a"));
    assert.equal(state?.revision, 3);
    assert.equal(state.dirty, true);
    assert.equal(state.snapshot.config.name, "");
    again.clearManifestDirty(idOf("a"), 2);
    assert.deepEqual(again.manifestDirtyIds(), [idOf("a")]);
    again.clearManifestDirty(idOf("a"), 3);
    assert.deepEqual(again.manifestDirtyIds(), []);
    assert.equal(again.manifestState(idOf("b")), undefined);
    store(again, idOf("b"), { name: "n" });
    throwsReason(() => again.update(idOf("a"), { name: "n" }), "SNAPSHOT_NAME_TAKEN");
    throwsReason(() => again.update(idOf("z"), { name: "n" }), "SNAPSHOT_NOT_FOUND");
    assert.equal(again.manifestState(idOf("a"))?.revision, 3);
  });
});

test("a digest that is computed later replaces files and sizes, and makes the manifest dirty", async () => {
  await withCatalog(({ catalog }) => {
    catalog.insertReady(adopted(idOf("a"), { digest: "" }));
    catalog.insertReady(adopted(idOf("b")));
    assert.deepEqual(catalog.idsWithoutDigest(), [idOf("a")]);
    catalog.setDigest(idOf("a"), "sha256:bb", [fileOf("memory", 100)]);
    assert.deepEqual(catalog.idsWithoutDigest(), []);
    const snapshot = catalog.get(idOf("a"));
    assert.equal(snapshot?.digest, "sha256:bb");
    assert.deepEqual(snapshot.files, [fileOf("memory", 100)]);
    assert.equal(snapshot.sizeBytes, 100);
    assert.deepEqual(catalog.manifestDirtyIds(), [idOf("a")]);
    assert.equal(catalog.totals().sizeBytes, 8192 + 100);
  });
});

test("damage is marked and unmarked, and the snapshot remains listed", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"));
    catalog.setCorrupt(idOf("a"), true);
    assert.equal(catalog.list({ pageSize: 1 }).snapshots[0]?.corrupt, true);
    assert.equal(catalog.countCorrupt(), 1);
    catalog.setCorrupt(idOf("a"), false);
    assert.equal(catalog.resolveRef(idOf("a")).corrupt, false);
    assert.equal(catalog.countCorrupt(), 0);
  });
});

test("accesses are visible at once, written in a batch, kept over a restart, and never decrease", async () => {
  await withCatalog(({ catalog, reopen }) => {
    store(catalog, idOf("a"));
    store(catalog, idOf("b"));
    const later = new Date(startMs + 60_000);
    catalog.recordAccess(idOf("a"), later);
    catalog.recordAccess(idOf("a"), new Date(startMs + 1000));
    catalog.recordAccess(idOf("gone"), later);
    assert.deepEqual(catalog.get(idOf("a"))?.lastAccessedAt, later);
    assert.deepEqual(catalog.resolveRef(idOf("a")).lastAccessedAt, later);
    const listed = catalog.list({ pageSize: 5, filter: { namePrefix: "" } }).snapshots;
    assert.deepEqual(listed.map((snapshot) => snapshot.lastAccessedAt.getTime()).sort(), [
      startMs,
      later.getTime(),
    ]);
    catalog.flushAccesses();
    catalog.flushAccesses();
    assert.deepEqual(catalog.get(idOf("a"))?.lastAccessedAt, later);
    catalog.recordAccess(idOf("b"), later);
    // Closing writes the remaining accesses.
    const again = reopen();
    assert.deepEqual(again.get(idOf("a"))?.lastAccessedAt, later);
    assert.deepEqual(again.get(idOf("b"))?.lastAccessedAt, later);
    assert.equal(again.get(idOf("gone")), undefined);
    assert.deepEqual(again.manifestDirtyIds(), []);
  });
});

test("pinned blobs are listed in order, once each, page by page, for ready and pending snapshots", async () => {
  await withCatalog(({ catalog }) => {
    for (let n = 0; n < 5; n++) {
      store(catalog, idOf(`a${n}`), { imageBlobIds: ["shared", `blob-${n}`, `blob-${n}`] });
    }
    const config = configOf({ imageBlobIds: ["pending-blob"] });
    catalog.insertPending({ id: idOf("p"), config, createdAt: new Date(startMs), kind: "create" });
    const all = ["blob-0", "blob-1", "blob-2", "blob-3", "blob-4", "pending-blob", "shared"];
    const seen: string[] = [];
    for (let page = 0; page < 10; page++) {
      const blobs = catalog.listPinnedBlobs(seen.at(-1) ?? "", 3);
      if (blobs.length === 0) break;
      seen.push(...blobs);
    }
    assert.deepEqual(seen, all);
    catalog.abandonPending(idOf("p"));
    catalog.markLost(idOf("a0"));
    assert.deepEqual(
      catalog.listPinnedBlobs("", 100),
      all.filter((blob) => blob !== "pending-blob" && blob !== "blob-0"),
    );
    throwsReason(() => catalog.listPinnedBlobs("", 0), "FIELD_INVALID");
  });
});

test("the name of the node is kept over restarts and differs between catalogs", async () => {
  await withCatalog(async ({ catalog, reopen }) => {
    const name = catalog.nodeId();
    assert.match(name, /^[0-9a-f]{16}$/);
    assert.equal(reopen().nodeId(), name);
    await withCatalog((other) => {
      assert.notEqual(other.catalog.nodeId(), name);
    });
  });
});

test("of changes in one transaction, only a refused one is undone, and a rollback undoes all", async () => {
  await withCatalog(({ catalog }) => {
    const { config } = adopted(idOf("a"));
    catalog.together(() => {
      catalog.insertReady(adopted(idOf("a")));
      const sameName = adopted(idOf("b"), { config: { ...config, id: idOf("b") } });
      throwsReason(() => catalog.insertReady(sameName), "SNAPSHOT_NAME_TAKEN");
      catalog.insertReady(adopted(idOf("c")));
    });
    assert.deepEqual(catalog.allIds(), [idOf("a"), idOf("c")]);
    const failing = (): void =>
      catalog.together(() => {
        catalog.removeRow(idOf("a"));
        throw new Error("recovery has failed");
      });
    assert.throws(failing, /recovery has failed/);
    assert.deepEqual(catalog.allIds(), [idOf("a"), idOf("c")]);
    assert.equal(catalog.totals().count, 2);
  });
});
