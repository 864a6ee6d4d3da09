// Tests the time of expiry: it is set, changed, listed, watched, kept over restarts, and dropped or
// kept by imports.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { failsWith } from "../../support/errors.js";
import { collect, createFrom, envelopeText, makeSmallSource, streamOf } from "../contents.js";
import type { StoreTest } from "../store-test.js";

const soon = new Date("2030-01-02T03:04:05.678Z");
const later = new Date("2031-01-01T00:00:00.000Z");

export function expiringBehaviours(storeTest: StoreTest): void {
  storeTest("the time of expiry is kept, also without the catalog", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const created = await createFrom(store, source, { name: "web", expireTime: soon });
    assert.deepEqual(created.expireTime, soon);
    assert.equal((await createFrom(store, source, { name: "api" })).expireTime, undefined);
    const moved = await makeSmallSource(join(scratch, "moved"));
    const adopted = await store.createFromDirectory(moved, { expireTime: later });
    assert.deepEqual(adopted.expireTime, later);
    const extended = await store.update("web", { expireTime: later });
    assert.deepEqual(extended, { ...created, expireTime: later });
    const never = await store.update("web", { expireTime: null });
    assert.deepEqual(never, { ...created, expireTime: undefined });
    await store.update("web", { expireTime: soon, description: "both" });
    await store.restart();
    assert.deepEqual((await store.inspect("web")).expireTime, soon);
    await store.restart(async () => {
      for (const end of ["", "-wal", "-shm"]) {
        await rm(join(store.root, `catalog.db${end}`), { force: true });
      }
      await rm(join(store.root, "catalog.mark"), { force: true });
    });
    assert.deepEqual((await store.inspect("web")).expireTime, soon);
    assert.equal((await store.inspect("api")).expireTime, undefined);
    assert.deepEqual((await store.inspect(adopted.id)).expireTime, later);
  });

  storeTest("a time of expiry that cannot be sent is refused", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const web = await createFrom(store, source, { name: "web" });
    for (const expireTime of [new Date(-1), new Date("+010000-01-01T00:00:00Z")]) {
      await failsWith(createFrom(store, source, { expireTime }), "FIELD_INVALID");
      await failsWith(store.update("web", { expireTime }), "FIELD_INVALID");
    }
    assert.deepEqual(await store.inspect("web"), web);
    assert.equal((await store.list()).totalSize, 1);
  });

  storeTest("an import drops the time of expiry, or keeps it", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const web = await createFrom(store, source, { name: "web", expireTime: soon });
    await using reading = await store.export("web");
    const archive = await collect(reading.bytes);
    const envelope = JSON.parse(await envelopeText(archive)) as { stasis: object };
    assert.equal(Reflect.get(envelope.stasis, "expire_time"), soon.toISOString());
    const dropped = await store.import(streamOf(archive), { name: "dropped" });
    assert.equal(dropped.expireTime, undefined);
    const kept = await store.import(streamOf(archive), { name: "kept", keepExpireTime: true });
    assert.deepEqual(kept.expireTime, soon);
    assert.equal(kept.digest, web.digest);
    const directory = join(scratch, "exported");
    await store.exportToDirectory("kept", directory);
    const onNode = { name: "on-node", keepExpireTime: true };
    assert.deepEqual((await store.importFromDirectory(directory, onNode)).expireTime, soon);
  });

  storeTest("snapshots that expire are listed by their time", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    await createFrom(store, source, { name: "never" });
    await createFrom(store, source, { name: "later", expireTime: later });
    await createFrom(store, source, { name: "soon", expireTime: soon, labels: { a: "b" } });
    const names = async (filter: NonNullable<Parameters<typeof store.list>[0]>["filter"] = {}) => {
      const { snapshots, totalSize } = await store.list({ filter });
      assert.equal(totalSize, snapshots.length);
      return snapshots.map(({ name }) => name);
    };
    const farAway = new Date("2040-01-01");
    assert.deepEqual(await names({ expiresBefore: farAway }), ["soon", "later"]);
    assert.deepEqual(await names({ expiresBefore: later }), ["soon"]);
    assert.deepEqual(await names({ expiresBefore: soon }), []);
    assert.deepEqual(await names({ expiresBefore: farAway, labels: { a: "b" } }), ["soon"]);
    assert.deepEqual(await names({ expiresBefore: farAway, namePrefix: "lat" }), ["later"]);
  });

  storeTest(
    "a watcher of expiring snapshots hears when one starts and stops to expire",
    async (context) => {
      const { store, scratch } = context;
      const source = await makeSmallSource(join(scratch, "source"));
      await createFrom(store, source, { name: "web" });
      await using watching = store.watch({ filter: { expiresBefore: later } });
      assert.equal((await watching.next()).type, "position");
      await store.update("web", { description: "does not expire" });
      await store.update("web", { expireTime: soon });
      await store.update("web", { expireTime: null });
      const [begun, ended] = [await watching.next(), await watching.next()];
      assert.deepEqual([begun.type, begun.snapshot?.expireTime], ["updated", soon]);
      assert.deepEqual([ended.type, ended.snapshot?.expireTime], ["updated", undefined]);
    },
  );
}
