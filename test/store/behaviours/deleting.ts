// Tests that Delete and REPLACE are atomic and take effect at once, while running reads complete.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import {
  compareDirectories,
  compareStored,
  createFrom,
  entriesOf,
  makeSmallSource,
  makeSource,
  mib,
  piece,
  restoreTo,
  streamOf,
  unpackReading,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { Reading, StoreSubject } from "../subject.js";

/** The size exceeds all the buffers between the store and a reader. */
const longReadBytes = 40 * mib;

async function makeLongSource(scratch: string): Promise<string> {
  const pieces = [piece(0, longReadBytes)];
  return makeSource(join(scratch, "long"), [{ name: "cow.raw", sizeBytes: 50 * mib, pieces }]);
}

/** Waits for the first piece of a read. Returns a read that begins with this piece. */
async function begun(reading: Reading): Promise<Reading> {
  const iterator = reading.bytes[Symbol.asyncIterator]();
  const first = await iterator.next();
  assert.ok(first.done !== true);
  const kept = Buffer.from(first.value);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield kept;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield next.value;
    }
  }
  return { ...reading, bytes: bytes() };
}

async function untilTrashIsEmpty(store: StoreSubject): Promise<void> {
  await eventually(
    "an empty trash",
    async () => (await entriesOf(store.root, "trash")).length === 0,
  );
}

export function deletingBehaviours(storeTest: StoreTest): void {
  storeTest("a delete deletes all snapshots of its refs, each once", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const a = await createFrom(store, source, { name: "a" });
    const b = await createFrom(store, source, { name: "b" });
    const kept = await createFrom(store, source, { name: "kept" });
    assert.deepEqual(await store.delete(["b", a.id, "a", b.id.slice(0, 9)]), [b.id, a.id]);
    assert.deepEqual(await entriesOf(store.root, "data"), [kept.id]);
    await failsWith(store.inspect("a"), "SNAPSHOT_NOT_FOUND");
    await failsWith(store.restore(b.id), "SNAPSHOT_NOT_FOUND");
    assert.deepEqual(
      (await store.list()).snapshots.map(({ id }) => id),
      [kept.id],
    );
    await untilTrashIsEmpty(store);
    await failsWith(store.delete([a.id]), "SNAPSHOT_NOT_FOUND");
    await store.restart();
    assert.equal((await store.list()).totalSize, 1);
  });

  storeTest("a delete deletes nothing if one ref is wrong", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const a = await createFrom(store, source, { name: "a" });
    await failsWith(store.delete(["a", "nobody"]), "SNAPSHOT_NOT_FOUND");
    assert.equal((await store.inspect("a")).id, a.id);
    await failsWith(store.delete([]), "FIELD_INVALID");
    await failsWith(store.delete(Array<string>(1001).fill("a")), "FIELD_INVALID");
    assert.deepEqual(await store.delete(["nobody"], { allowMissing: true }), []);
    assert.deepEqual(await store.delete(["x", "a", "y"], { allowMissing: true }), [a.id]);
  });

  storeTest(
    "a running restore completes after the deletion of its snapshot",
    async ({ store, scratch }) => {
      const source = await makeLongSource(scratch);
      const { id } = await createFrom(store, source, { name: "web" });
      const restoring = await begun(await store.restore("web"));
      const exporting = await begun(await store.export("web"));
      assert.deepEqual(await store.delete(["web"]), [id]);
      await failsWith(store.inspect(id), "SNAPSHOT_NOT_FOUND");
      assert.deepEqual(await entriesOf(store.root, "data"), []);
      assert.deepEqual(await entriesOf(store.root, "trash"), [id]);
      // The name is free, and a new snapshot with this name changes nothing for the readers.
      const next = await createFrom(store, await makeSmallSource(join(scratch, "next")), {
        name: "web",
      });
      await compareDirectories(await unpackReading(restoring, join(scratch, "restored")), source);
      assert.deepEqual(await entriesOf(store.root, "trash"), [id]);
      await exporting[Symbol.asyncDispose]();
      await untilTrashIsEmpty(store);
      assert.equal((await store.inspect("web")).id, next.id);
    },
  );

  storeTest(
    "a replacement moves the name and deletes the old snapshot",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const changed = await makeSmallSource(join(scratch, "changed"), 2);
      const first = await createFrom(store, source, { name: "web", replace: true });
      const second = await createFrom(store, changed, { name: "web", replace: true });
      assert.notEqual(second.id, first.id);
      await failsWith(store.inspect(first.id), "SNAPSHOT_NOT_FOUND");
      await compareDirectories(await restoreTo(store, "web", join(scratch, "restored")), changed);
      await eventually("the removal of the old data", () =>
        entriesOf(store.root, "data").then((ids) => ids.length === 1),
      );
      await using archive = await store.export("web");
      const third = await store.import(archive.bytes, { replace: true });
      assert.equal((await store.inspect("web")).id, third.id);
      assert.equal((await store.list()).totalSize, 1);
    },
  );

  storeTest(
    "a replacement that fails leaves the old snapshot unchanged",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const first = await createFrom(store, source, { name: "web" });
      const noTar = streamOf(Buffer.alloc(2048, "x"));
      await failsWith(store.create(noTar, { name: "web", replace: true }), "ARCHIVE_INVALID");
      assert.deepEqual(await store.inspect("web"), first);
      await compareDirectories(await restoreTo(store, "web", join(scratch, "restored")), source);
    },
  );

  storeTest("a replaced snapshot stays for the holder of its directory", async (context) => {
    const { store, scratch } = context;
    const source = await makeSmallSource(join(scratch, "source"));
    const changed = await makeSmallSource(join(scratch, "changed"), 2);
    const first = await createFrom(store, source, { name: "web" });
    const held = await store.openDataDirectory("web");
    const second = await createFrom(store, changed, { name: "web", replace: true });
    assert.equal((await store.inspect("web")).id, second.id);
    assert.deepEqual(
      (await store.list()).snapshots.map(({ id }) => id),
      [second.id],
    );
    await compareStored(held.directory, source);
    await held[Symbol.asyncDispose]();
    await eventually("the removal of the old data", () => !existsSync(held.directory));
    await untilTrashIsEmpty(store);
    assert.deepEqual(await entriesOf(store.root, "data"), [second.id]);
    await failsWith(store.inspect(first.id), "SNAPSHOT_NOT_FOUND");
  });
}
