// Tests uploads from their reservation until they are ready: which upload gets a name or an id, and
// what a replacement does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTick } from "node:timers/promises";
import { isStoreError } from "../../../src/base/errors.js";
import { newSnapshotId } from "../../../src/model/name.js";
import { configOf, fileOf, idOf, startMs, store, throwsReason, withCatalog } from "./support.js";

const at = new Date(startMs);

test("an upload is invisible until it is ready, and is read back unchanged", async () => {
  await withCatalog(({ catalog, reopen }) => {
    const id = idOf("a");
    const config = configOf({
      id,
      name: "web/1",
      description: "first\n»ü«",
      image: "debian:12",
      imageDigest: "sha256:ab",
      imageType: "oci",
      imageBlobIds: ["b1", "b2"],
      hypervisor: "cloud-hypervisor",
      cpu: 4,
      memoryBytes: 8 * 2 ** 40,
      storageBytes: Number.MAX_SAFE_INTEGER,
      nics: 2,
      queueSize: 256,
      diskQueueSize: 128,
      network: "br0",
      noDirectIo: true,
      windows: true,
      labels: { tier: "web", "a/b": "" },
      unknown: {
        envelope: { extra: "12345678901234567890" },
        config: JSON.parse('{"__proto__":"{\\"x\\":1.0}"}') as Record<string, string>,
      },
    });
    catalog.insertPending({ id, config, createdAt: at, kind: "create", protected: true });
    throwsReason(() => catalog.resolveRef(id), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.resolveRef("web/1"), "SNAPSHOT_NOT_FOUND");
    assert.equal(catalog.list({ pageSize: 10 }).totalSize, 0);
    assert.deepEqual(catalog.pendingUploads(), [
      { id, name: "web/1", kind: "create", startedAt: at },
    ]);

    const createdAt = new Date(startMs + 5000);
    const files = [fileOf("cow.raw", 10 * 2 ** 30), fileOf("état", 2)];
    const { snapshot, replaced } = catalog.markReady(id, {
      config,
      createdAt,
      files,
      digest: "sha256:ff",
      parentDigest: "sha256:ee",
      chargedBytes: 0,
      replace: false,
      keepReplaced: () => false,
    });
    assert.equal(replaced, undefined);
    const expected = {
      config,
      state: "ready",
      createdAt,
      lastAccessedAt: createdAt,
      sizeBytes: 10 * 2 ** 30 + 2,
      allocatedBytes: 5 * 2 ** 30 + 1,
      chargedBytes: 0,
      digest: "sha256:ff",
      parentDigest: "sha256:ee",
      protected: true,
      corrupt: false,
      files,
    };
    assert.deepEqual(snapshot, expected);
    assert.deepEqual(catalog.resolveRef("web/1"), expected);
    const again = reopen();
    assert.deepEqual(again.get(id), expected);
    assert.deepEqual(again.files(id), files);
    assert.deepEqual(again.list({ pageSize: 10 }).snapshots, [{ ...expected, files: [] }]);
  });
});

test("a name is unique among pending and ready snapshots, and the error names the winner", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "n" });
    const taken = throwsReason(
      () => store(catalog, idOf("b"), { name: "n" }),
      "SNAPSHOT_NAME_TAKEN",
    );
    assert.deepEqual(taken.metadata, { snapshot_id: idOf("a"), state: "ready" });
    assert.equal(catalog.get(idOf("b")), undefined);

    const pending = { config: configOf({ name: "p" }), createdAt: at, kind: "create" };
    catalog.insertPending({ ...pending, id: idOf("c") });
    const reserved = throwsReason(
      () => catalog.insertPending({ ...pending, id: idOf("d") }),
      "SNAPSHOT_NAME_TAKEN",
    );
    assert.deepEqual(reserved.metadata, { snapshot_id: idOf("c"), state: "pending" });
    const replacing = throwsReason(
      () => catalog.insertPending({ ...pending, id: idOf("d"), replace: true }),
      "OPERATION_IN_PROGRESS",
    );
    assert.equal(replacing.metadata["snapshot_id"], idOf("c"));
    assert(replacing.retryAfterMs);

    catalog.abandonPending(idOf("c"));
    store(catalog, idOf("d"), { name: "p" });
    // Snapshots without a name do not conflict.
    store(catalog, idOf("e"));
    store(catalog, idOf("f"));
    assert.equal(catalog.totals().count, 4);
  });
});

test("a name cannot equal an id, and an id cannot equal a name or an id", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: idOf("b") });
    const asName = throwsReason(
      () => store(catalog, idOf("c"), { name: idOf("a") }),
      "SNAPSHOT_NAME_TAKEN",
    );
    assert.equal(asName.metadata["snapshot_id"], idOf("a"));
    throwsReason(
      () => store(catalog, idOf("c"), { name: idOf("a") }, { replace: true }),
      "SNAPSHOT_NAME_TAKEN",
    );
    const asId = throwsReason(() => store(catalog, idOf("b")), "SNAPSHOT_ID_TAKEN");
    assert.equal(asId.metadata["snapshot_id"], idOf("a"));
    throwsReason(() => store(catalog, idOf("a")), "SNAPSHOT_ID_TAKEN");
    catalog.update(idOf("a"), { name: idOf("x") });
    throwsReason(() => store(catalog, idOf("x")), "SNAPSHOT_ID_TAKEN");

    catalog.insertPending({
      id: idOf("p"),
      config: configOf({ name: idOf("q") }),
      createdAt: at,
      kind: "create",
    });
    throwsReason(() => store(catalog, idOf("q")), "SNAPSHOT_ID_TAKEN");
    throwsReason(() => store(catalog, idOf("r"), { name: idOf("p") }), "SNAPSHOT_NAME_TAKEN");
    // A tombstone also keeps its id.
    catalog.markDeleting([idOf("a")]);
    throwsReason(() => store(catalog, idOf("a")), "SNAPSHOT_ID_TAKEN");
    // A snapshot may have its own id as its name, because that name refers to no other snapshot.
    store(catalog, idOf("s"), { name: idOf("s") });
  });
});

test("a replacement moves the name when the upload ends, and tombstones the old snapshot", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "n", labels: { l: "1" }, imageBlobIds: ["old"] });
    const config = configOf({ id: idOf("b"), name: "n", imageBlobIds: ["new"] });
    catalog.insertPending({ id: idOf("b"), config, createdAt: at, kind: "create", replace: true });
    assert.equal(catalog.resolveRef("n").config.id, idOf("a"));
    const asked: string[] = [];
    const { snapshot, replaced } = catalog.markReady(idOf("b"), {
      config,
      createdAt: at,
      files: [],
      digest: "",
      chargedBytes: 0,
      replace: true,
      keepReplaced: (id) => {
        asked.push(id);
        return false;
      },
    });
    assert.deepEqual(asked, [idOf("a")]);
    assert.deepEqual(replaced, { id: idOf("a"), state: "deleting" });
    assert.equal(snapshot.config.name, "n");
    assert.equal(catalog.resolveRef("n").config.id, idOf("b"));
    assert.equal(catalog.get(idOf("a"))?.state, "deleting");
    assert.deepEqual(catalog.listPinnedBlobs("", 10), ["new"]);
    assert.equal(catalog.list({ pageSize: 9, filter: { labels: { l: "1" } } }).totalSize, 0);
    assert.deepEqual(catalog.idsWithoutDigest(), [idOf("b")]);
  });
});

test("a replaced snapshot that is in use loses its name and keeps its pins", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "n", imageBlobIds: ["old"] });
    const { replaced } = store(catalog, idOf("b"), { name: "n" }, { replace: true, inUse: true });
    assert.deepEqual(replaced, { id: idOf("a"), state: "replaced" });
    assert.equal(catalog.get(idOf("a"))?.config.name, "");
    throwsReason(() => catalog.resolveRef(idOf("a")), "SNAPSHOT_NOT_FOUND");
    assert.equal(
      catalog.resolveRef(idOf("a"), { states: ["ready", "replaced"] }).state,
      "replaced",
    );
    assert.deepEqual(catalog.listPinnedBlobs("", 10), ["old"]);
    // The manifest still contains the name, so it must be written again.
    assert.deepEqual(catalog.manifestDirtyIds(), [idOf("a")]);
    catalog.markDeleting([idOf("a")]);
    assert.deepEqual(catalog.listPinnedBlobs("", 10), []);
    assert.deepEqual(catalog.manifestDirtyIds(), []);
  });
});

test("a replacement without an older snapshot takes the name", async () => {
  await withCatalog(({ catalog }) => {
    assert.equal(store(catalog, idOf("a"), { name: "n" }, { replace: true }).replaced, undefined);
    assert.equal(store(catalog, idOf("b"), {}, { replace: true }).replaced, undefined);
    assert.equal(store(catalog, idOf("c"), {}, { replace: true }).replaced, undefined);
  });
});

test("a failure while a name moves leaves everything unchanged", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "n", labels: { l: "1" } });
    const before = catalog.get(idOf("a"));
    const config = configOf({ name: "n" });
    catalog.insertPending({ id: idOf("b"), config, createdAt: at, kind: "create", replace: true });
    const publication = {
      config,
      createdAt: at,
      digest: "",
      chargedBytes: 0,
      replace: true,
      keepReplaced: () => false,
    };
    // Two files of one name violate a rule of the schema after the name has moved.
    throwsReason(
      () => catalog.markReady(idOf("b"), { ...publication, files: [fileOf("x"), fileOf("x")] }),
      "INTERNAL",
    );
    const huge = fileOf("x", Number.MAX_SAFE_INTEGER - 1);
    throwsReason(
      () => catalog.markReady(idOf("b"), { ...publication, files: [huge, { ...huge, name: "y" }] }),
      "LIMIT_EXCEEDED",
    );
    assert.deepEqual(catalog.get(idOf("a")), before);
    assert.equal(catalog.get(idOf("b"))?.state, "pending");
    assert.equal(catalog.list({ pageSize: 9, filter: { labels: { l: "1" } } }).totalSize, 1);
  });
});

test("an import reserves the name in its archive, and releases the earlier name", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "taken" });
    catalog.insertPending({
      id: idOf("b"),
      config: configOf({ name: "x" }),
      createdAt: at,
      kind: "import",
    });
    throwsReason(
      () => catalog.updatePending(idOf("b"), { config: configOf({ name: "taken" }) }),
      "SNAPSHOT_NAME_TAKEN",
    );
    catalog.updatePending(idOf("b"), { config: configOf({ name: "y", imageBlobIds: ["i"] }) });
    assert.deepEqual(catalog.listPinnedBlobs("", 10), ["i"]);
    assert.equal(catalog.get(idOf("b"))?.config.id, idOf("b"));
    store(catalog, idOf("c"), { name: "x" });
    throwsReason(() => store(catalog, idOf("d"), { name: "y" }), "SNAPSHOT_NAME_TAKEN");
    catalog.updatePending(idOf("b"), { config: configOf({ name: "taken" }), replace: true });
    throwsReason(
      () => catalog.updatePending(idOf("a"), { config: configOf() }),
      "SNAPSHOT_NOT_FOUND",
    );
    throwsReason(
      () => catalog.updatePending(idOf("z"), { config: configOf() }),
      "SNAPSHOT_NOT_FOUND",
    );
  });
});

test("a running upload keeps its name from renames, and the present holder may keep it", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "n" });
    store(catalog, idOf("b"), { name: "m" });
    const config = configOf({ name: "n" });
    catalog.insertPending({ id: idOf("c"), config, createdAt: at, kind: "create", replace: true });
    assert.equal(catalog.update(idOf("a"), { name: "n", description: "d" }).config.name, "n");
    catalog.update(idOf("a"), { name: "away" });
    for (const id of [idOf("a"), idOf("b")]) {
      const error = throwsReason(() => catalog.update(id, { name: "n" }), "SNAPSHOT_NAME_TAKEN");
      assert.deepEqual(error.metadata, { snapshot_id: idOf("c"), state: "pending" });
    }
    const { replaced } = catalog.markReady(idOf("c"), {
      config,
      createdAt: at,
      files: [],
      digest: "",
      chargedBytes: 0,
      replace: true,
      keepReplaced: () => false,
    });
    assert.equal(replaced, undefined);
  });
});

test("only a pending upload can become ready or be abandoned", async () => {
  await withCatalog(({ catalog }) => {
    const { snapshot } = store(catalog, idOf("a"));
    const publication = {
      config: snapshot.config,
      createdAt: at,
      files: [],
      digest: "",
      chargedBytes: 0,
      replace: false,
      keepReplaced: () => false,
    };
    for (const id of [idOf("a"), idOf("b")]) {
      throwsReason(() => catalog.markReady(id, publication), "SNAPSHOT_NOT_FOUND");
      catalog.abandonPending(id);
    }
    assert.deepEqual(catalog.get(idOf("a")), snapshot);
  });
});

test("100 uploads compete for one name: one succeeds, and the others receive its id and leave nothing", async () => {
  await withCatalog(async ({ catalog }) => {
    const attempt = async (replace: boolean): Promise<string> => {
      const id = newSnapshotId();
      await nextTick();
      try {
        catalog.insertPending({
          id,
          config: configOf({ name: "n" }),
          createdAt: at,
          kind: "create",
          replace,
        });
        return id;
      } catch (error) {
        if (!isStoreError(error)) throw error;
        return `${error.reason} ${error.metadata["snapshot_id"] ?? ""}`;
      }
    };
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => attempt(i % 2 === 1)));
    const winners = outcomes.filter((outcome) => !outcome.includes(" "));
    assert.equal(winners.length, 1);
    const [winner = ""] = winners;
    const counts = new Map<string, number>();
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    assert.deepEqual(
      counts,
      new Map([
        [winner, 1],
        [`OPERATION_IN_PROGRESS ${winner}`, 50],
        [`SNAPSHOT_NAME_TAKEN ${winner}`, 49],
      ]),
    );
    assert.deepEqual(catalog.allIds(), [winner]);
  });
});
