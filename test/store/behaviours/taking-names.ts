// Tests TAKE_NAME: the new snapshot takes the name, and the old snapshot loses it but stays.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { failsWith } from "../../support/errors.js";
import { compareDirectories, createFrom, makeSmallSource, restoreTo } from "../contents.js";
import type { StoreTest } from "../store-test.js";

export function takingNamesBehaviours(storeTest: StoreTest): void {
  storeTest("the name moves, and the old snapshot stays", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const changed = await makeSmallSource(join(scratch, "changed"), 2);
    const old = await createFrom(store, source, {
      name: "web",
      protected: true,
      labels: { a: "b" },
    });
    await using watching = store.watch();
    await watching.next();
    const taking = await createFrom(store, changed, { name: "web", takeName: true });
    assert.equal((await store.inspect("web")).id, taking.id);
    const nameless = await store.inspect(old.id);
    assert.deepEqual(nameless, { ...old, name: "", lastAccessedAt: nameless.lastAccessedAt });
    const [renamed, created] = [await watching.next(), await watching.next()];
    assert.deepEqual(
      [renamed.type, renamed.id, renamed.name, renamed.previousName],
      ["renamed", old.id, "", "web"],
    );
    assert.deepEqual([created.type, created.id, created.name], ["created", taking.id, "web"]);
    const labelled = await store.list({ filter: { labels: { a: "b" } } });
    assert.deepEqual(
      labelled.snapshots.map(({ id }) => id),
      [old.id],
    );
    // The manifests record the same names, so a start without the catalog restores them.
    await store.restart(async () => {
      for (const end of ["", "-wal", "-shm"]) {
        await rm(join(store.root, `catalog.db${end}`), { force: true });
      }
      await rm(join(store.root, "catalog.mark"), { force: true });
    });
    assert.equal((await store.inspect("web")).id, taking.id);
    assert.equal((await store.inspect(old.id)).name, "");
    await compareDirectories(await restoreTo(store, old.id, join(scratch, "old")), source);
    await compareDirectories(await restoreTo(store, "web", join(scratch, "new")), changed);
  });

  storeTest("a free name is simply taken, and a failure changes nothing", async (context) => {
    const { store, scratch } = context;
    const source = await makeSmallSource(join(scratch, "source"));
    const first = await createFrom(store, source, { name: "web", takeName: true });
    async function* noTar(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(new Uint8Array(1536).fill(7));
    }
    await failsWith(store.create(noTar(), { name: "web", takeName: true }), "ARCHIVE_INVALID");
    assert.deepEqual(await store.inspect("web"), first);
    await using archive = await store.export("web");
    const second = await store.import(archive.bytes, { takeName: true });
    assert.equal((await store.inspect("web")).id, second.id);
    const { snapshots } = await store.list();
    assert.deepEqual(
      snapshots.map(({ id, name }) => [id, name]),
      [
        [second.id, "web"],
        [first.id, ""],
      ],
    );
  });

  storeTest("of many that take one name, all stay and one has it", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    let open = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => createFrom(store, source, { name: "web", takeName: true })),
    );
    for (const outcome of outcomes) if (outcome.status === "fulfilled") open += 1;
    assert.ok(open >= 1);
    const { snapshots } = await store.list();
    assert.equal(snapshots.length, open);
    assert.equal(snapshots.filter(({ name }) => name === "web").length, 1);
  });
}
