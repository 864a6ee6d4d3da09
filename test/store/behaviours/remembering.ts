// Tests that the store's state, including access times, survives a restart.
import assert from "node:assert/strict";
import { join } from "node:path";
import { failsWith } from "../../support/errors.js";
import {
  collect,
  compareDirectories,
  createFrom,
  entriesOf,
  makeSmallSource,
  packDirectory,
  restoreTo,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { StoreCalls } from "../subject.js";

const callers = 100;

export function rememberingBehaviours(storeTest: StoreTest): void {
  storeTest("all state survives a restart", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    for (const name of ["a", "b", "c"]) {
      const header = { name, description: `of ${name}`, labels: { name }, imageBlobIds: [name] };
      await createFrom(store, source, { ...header, protected: name === "b" });
    }
    await store.delete(["c"]);
    const before = await store.list();
    const seen = [await store.inspect("a"), await store.inspect("b")];
    await store.restart();
    assert.deepEqual(await store.list(), before);
    assert.deepEqual([await store.inspect("a"), await store.inspect("b")], seen);
    await compareDirectories(await restoreTo(store, "b", join(scratch, "restored")), source);
  });

  storeTest("each read of the data updates last_accessed_at", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    let last = (await createFrom(store, source, { name: "web" })).lastAccessedAt;
    const reads: ((store: StoreCalls) => Promise<unknown>)[] = [
      () => restoreTo(store, "web", join(scratch, "restored")),
      async () => {
        await using reading = await store.export("web");
        await collect(reading.bytes);
      },
      () => store.exportToDirectory("web", join(scratch, "exported")),
      async () => (await store.openDataDirectory("web"))[Symbol.asyncDispose](),
    ];
    for (const read of reads) {
      await read(store);
      const { lastAccessedAt } = await store.inspect("web");
      assert.ok(lastAccessedAt > last, `${lastAccessedAt.toISOString()} after ${read.toString()}`);
      assert.deepEqual((await store.inspect("web")).lastAccessedAt, lastAccessedAt);
      assert.deepEqual((await store.list()).snapshots[0]?.lastAccessedAt, lastAccessedAt);
      last = lastAccessedAt;
    }
    await store.restart();
    assert.deepEqual((await store.inspect("web")).lastAccessedAt, last);
  });

  storeTest("of a hundred callers that request one name, exactly one gets it", async (context) => {
    const { store, scratch } = context;
    const source = await makeSmallSource(join(scratch, "source"));
    const tar = await collect(packDirectory(source));
    async function* upload(): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield tar;
    }
    const attempts = Array.from({ length: callers }, () =>
      store
        .another()
        .create(upload(), { name: "web" })
        .then(({ id }) => ({ id, taken: undefined }))
        .catch(async (error: unknown) => {
          const { metadata } = await failsWith(Promise.reject(error), "SNAPSHOT_NAME_TAKEN");
          return { id: undefined, taken: metadata["snapshot_id"] };
        }),
    );
    const outcomes = await Promise.all(attempts);
    const winners = outcomes.flatMap(({ id }) => id ?? []);
    assert.equal(winners.length, 1);
    const told = outcomes.filter(({ id }) => id === undefined).map(({ taken }) => taken);
    assert.deepEqual(told, Array(callers - 1).fill(winners[0]));
    assert.deepEqual(await entriesOf(store.root, "data"), winners);
    assert.deepEqual(await entriesOf(store.root, "staging"), []);
    assert.deepEqual(await entriesOf(store.root, "trash"), []);
    assert.equal((await store.list()).totalSize, 1);
  });
}
