// Tests that a retry with the same request_id is safe, whatever happened to the first call.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import {
  collect,
  createFrom,
  createGate,
  entriesOf,
  heldBack,
  makeSmallSource,
  packDirectory,
  streamOf,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";

export function repeatingBehaviours(storeTest: StoreTest): void {
  storeTest("the same request_id gives the same snapshot", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const header = { name: "web", labels: { a: "1", b: "2" }, requestId: randomUUID() };
    const first = await createFrom(store, source, header);
    assert.deepEqual(await createFrom(store, source, header), first);
    const again = { ...header, labels: { b: "2", a: "1" } };
    const shouted = { ...again, requestId: header.requestId.toUpperCase() };
    assert.deepEqual(await createFrom(store, source, shouted), first);
    await store.restart();
    assert.deepEqual(await createFrom(store, source, header), first);
    assert.equal((await store.list()).totalSize, 1);
  });

  storeTest("a request_id identifies one request", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const requestId = randomUUID();
    const { id } = await createFrom(store, source, { name: "web", requestId });
    const others = [
      { name: "api", requestId },
      { name: "web", requestId, labels: { a: "1" } },
      { name: "web", requestId, replace: true },
      { name: "web", requestId, protected: true },
    ];
    for (const header of others) {
      const reused = await failsWith(createFrom(store, source, header), "REQUEST_ID_REUSED");
      assert.equal(reused.metadata["request_id"], requestId);
    }
    await store.restart();
    for (const header of others) {
      await failsWith(createFrom(store, source, header), "REQUEST_ID_REUSED");
    }
    await using archive = await store.export("web");
    const whole = await collect(archive.bytes);
    const imported = store.import(streamOf(whole), { name: "web", requestId });
    await failsWith(imported, "REQUEST_ID_REUSED");
    assert.deepEqual(
      (await store.list()).snapshots.map((each) => each.id),
      [id],
    );
  });

  storeTest("an import can be retried safely too", async ({ store, scratch }) => {
    await createFrom(store, await makeSmallSource(join(scratch, "source")), { name: "web" });
    await using archive = await store.export("web", { compression: "gzip" });
    const whole = await collect(archive.bytes);
    const header = { name: "copy", requestId: randomUUID() };
    const first = await store.import(streamOf(whole), header);
    assert.deepEqual(await store.import(streamOf(whole), header), first);
    const other = { ...header, description: "other" };
    await failsWith(store.import(streamOf(whole), other), "REQUEST_ID_REUSED");
  });

  storeTest(
    "while the first call runs, a retry is refused with a delay",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const tar = await collect(packDirectory(source));
      const header = { name: "web", requestId: randomUUID() };
      const gate = createGate();
      const running = store.another().create(heldBack(tar, gate), header);
      await eventually(
        "an upload",
        async () => (await entriesOf(store.root, "staging")).length > 0,
      );
      const early = await failsWith(createFrom(store, source, header), "OPERATION_IN_PROGRESS");
      assert.ok((early.retryAfterMs ?? 0) > 0);
      const other = { ...header, name: "api" };
      await failsWith(createFrom(store, source, other), "REQUEST_ID_REUSED");
      // The error for another caller that wants the name identifies the snapshot with the name.
      const taken = await failsWith(
        createFrom(store, source, { name: "web" }),
        "SNAPSHOT_NAME_TAKEN",
      );
      await failsWith(
        createFrom(store, source, { name: "web", replace: true }),
        "OPERATION_IN_PROGRESS",
      );
      assert.equal((await store.list()).totalSize, 0);
      await failsWith(store.inspect("web"), "SNAPSHOT_NOT_FOUND");
      gate.open();
      const first = await running;
      assert.equal(taken.metadata["snapshot_id"], first.id);
      assert.deepEqual(await createFrom(store, source, header), first);
    },
  );

  storeTest("a failed request can be retried", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const header = { name: "web", requestId: randomUUID() };
    await failsWith(store.create(streamOf(Buffer.alloc(1024, "x")), header), "ARCHIVE_INVALID");
    const snapshot = await createFrom(store, source, header);
    assert.equal((await store.inspect("web")).id, snapshot.id);
  });

  storeTest("a retry does not restore a deleted snapshot", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const header = { name: "web", requestId: randomUUID() };
    await createFrom(store, source, header);
    await store.delete(["web"]);
    await failsWith(createFrom(store, source, header), "SNAPSHOT_NOT_FOUND");
    await store.restart();
    await failsWith(createFrom(store, source, header), "SNAPSHOT_NOT_FOUND");
    assert.equal((await store.list()).totalSize, 0);
  });

  storeTest("a request_id is a UUID", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const error = await failsWith(createFrom(store, source, { requestId: "1" }), "FIELD_INVALID");
    assert.match(error.fields[0]?.field ?? "", /(requestId|request_id)$/);
  });
}
