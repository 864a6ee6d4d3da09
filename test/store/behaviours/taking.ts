// Tests TakeToDirectory, which moves a snapshot's files out of the store to a directory.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import { compareDirectories, createFrom, entriesOf, makeSmallSource } from "../contents.js";
import type { StoreTest, StoreTestContext } from "../store-test.js";
import type { PlainSnapshot } from "../subject.js";

const requestId = "5d0c53a3-7c1b-4f7e-8d0a-3f6d0d6f1a11";

interface Scene extends StoreTestContext {
  readonly source: string;
  readonly web: PlainSnapshot;
  readonly at: (name: string) => string;
}

async function sceneOf(context: StoreTestContext, isProtected = false): Promise<Scene> {
  const at = (name: string): string => join(context.scratch, name);
  const source = await makeSmallSource(at("source"));
  const web = await createFrom(context.store, source, { name: "web", protected: isProtected });
  return { ...context, source, web, at };
}

export function takingBehaviours(storeTest: StoreTest): void {
  storeTest("the files of the snapshot move to the directory", async (context) => {
    const { store, source, web, at } = await sceneOf(context);
    const { ino } = await stat(join(store.root, "data", web.id, "files", "cow.raw"));
    await using watching = store.watch();
    assert.equal((await watching.next()).type, "position");
    const { snapshot, files } = await store.takeToDirectory("web", at("vm"));
    assert.equal(snapshot.id, web.id);
    assert.deepEqual(snapshot.files, web.files);
    assert.deepEqual(
      files.map(({ name, mode, copiedBytes }) => [name, mode, copiedBytes]),
      web.files.map(({ name }) => [name, "moved", 0]),
    );
    await compareDirectories(at("vm"), source);
    const { mode, uid } = await stat(at("vm"));
    assert.deepEqual([mode & 0o7777, uid], [0o700, process.geteuid?.()]);
    assert.equal((await stat(join(at("vm"), "cow.raw"))).ino, ino, "not a copy");
    await writeFile(join(at("vm"), "state.json"), "a running VM");
    const event = await watching.next();
    assert.deepEqual([event.type, event.id, event.removalReason], ["deleted", web.id, "taken"]);
    await failsWith(store.inspect("web"), "SNAPSHOT_NOT_FOUND");
    assert.equal((await store.list()).totalSize, 0);
    await eventually("the rest of it to go", async () => {
      const left = [await entriesOf(store.root, "data"), await entriesOf(store.root, "trash")];
      return left.flat().length === 0;
    });
  });

  storeTest("an empty directory is replaced, and its mode is kept", async (context) => {
    const { store, source, at } = await sceneOf(context);
    await mkdir(at("vm"), { mode: 0o750 });
    await store.takeToDirectory("web", at("vm"));
    await compareDirectories(at("vm"), source);
    assert.equal((await stat(at("vm"))).mode & 0o7777, 0o750);
  });

  storeTest("a snapshot cannot move to a place that is not free", async (context) => {
    const { store, web, source, at } = await sceneOf(context);
    await mkdir(at("full"));
    await writeFile(join(at("full"), "mine"), "");
    await failsWith(store.takeToDirectory("web", at("full")), "DIRECTORY_NOT_EMPTY");
    assert.deepEqual(await readdir(at("full")), ["mine"]);
    await failsWith(store.takeToDirectory("web", join(at("full"), "mine")), "FIELD_INVALID");
    const nowhere = await failsWith(
      store.takeToDirectory("web", join(at("nowhere"), "vm")),
      "DIRECTORY_NOT_FOUND",
    );
    assert.equal(nowhere.resource?.name, join(at("nowhere"), "vm"));
    const inside = join(store.root, "staging", "vm");
    await failsWith(store.takeToDirectory("web", inside), "FIELD_INVALID");
    await failsWith(store.takeToDirectory("nobody", at("vm")), "SNAPSHOT_NOT_FOUND");
    assert.ok(!existsSync(at("vm")));
    assert.equal((await store.inspect("web")).id, web.id);
    await store.takeToDirectory("web", at("vm"));
    await compareDirectories(at("vm"), source);
  });

  storeTest("a protected snapshot stays until its protection ends", async (context) => {
    const { store, at } = await sceneOf(context, true);
    const error = await failsWith(store.takeToDirectory("web", at("vm")), "SNAPSHOT_PROTECTED");
    assert.match(error.hint ?? "", /stasis update .* --no-protect/);
    await store.update("web", { protected: false });
    await store.takeToDirectory("web", at("vm"));
  });

  storeTest(
    "a snapshot that is being read stays, and the refusal names the readers",
    async (context) => {
      const { store, source, at } = await sceneOf(context);
      {
        await using _first = await store.openDataDirectory("web");
        await using _second = await store.openDataDirectory("web");
        await using _reading = await store.restore("web");
        const error = await failsWith(store.takeToDirectory("web", at("vm")), "SNAPSHOT_IN_USE");
        assert.match(error.message, /read by OpenDataDirectory \(2 times\), Restore/);
        assert.equal(error.metadata["holders"], "3");
        assert.ok(!existsSync(at("vm")));
      }
      await eventually("the end of the leases", () =>
        store.takeToDirectory("web", at("vm")).catch(() => undefined),
      );
      await compareDirectories(at("vm"), source);
    },
  );

  storeTest("a repeated request id repeats the answer, also after a restart", async (context) => {
    const { store, web, at } = await sceneOf(context);
    const options = { requestId };
    const first = await store.takeToDirectory("web", at("vm"), options);
    assert.deepEqual(await store.takeToDirectory("web", at("vm"), options), first);
    await store.restart();
    await rm(at("vm"), { recursive: true });
    const again = await store.takeToDirectory("web", at("vm"), options);
    assert.deepEqual(again, first);
    assert.deepEqual(again.snapshot.files, web.files);
    assert.ok(!existsSync(at("vm")), "nothing is done again");
    const other = store.takeToDirectory("web", at("elsewhere"), options);
    await failsWith(other, "REQUEST_ID_REUSED");
    await failsWith(createFrom(store, at("source"), options), "REQUEST_ID_REUSED");
    await failsWith(store.takeToDirectory("web", at("vm")), "SNAPSHOT_NOT_FOUND");
  });

  storeTest("a refused call does not use up its request id", async (context) => {
    const { store, at } = await sceneOf(context);
    await writeFile(at("file"), "");
    await failsWith(store.takeToDirectory("web", at("file"), { requestId }), "FIELD_INVALID");
    await store.takeToDirectory("web", at("vm"), { requestId });
    await createFrom(store, at("source"), { name: "web" });
    const again = await store.takeToDirectory("web", at("vm"), { requestId });
    assert.equal(again.snapshot.name, "web");
    assert.equal((await store.inspect("web")).name, "web", "the new snapshot stays");
  });

  storeTest("of several callers that take one snapshot, exactly one gets it", async (context) => {
    const { store, source, at } = await sceneOf(context);
    const places = ["a", "b", "c", "d"].map(at);
    const outcomes = await Promise.allSettled(
      places.map((place) => store.another().takeToDirectory("web", place)),
    );
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    const there = places.filter((place) => existsSync(place));
    assert.equal(there.length, 1);
    await compareDirectories(there[0] ?? "", source);
  });

  storeTest("a snapshot can be taken while its digests are computed", async (context) => {
    const { store, scratch } = context;
    const at = (name: string): string => join(scratch, name);
    const twin = await makeSmallSource(at("twin"));
    const source = await makeSmallSource(at("source"));
    await store.createFromDirectory(source, { name: "web" });
    await store.takeToDirectory("web", source);
    await compareDirectories(source, twin);
    // The caller owns the directory now, and can hand it over again.
    await store.createFromDirectory(source, { name: "web" });
    const stored = await eventually("digests", async () => {
      const { digest } = await store.inspect("web");
      return digest !== "";
    });
    assert.ok(stored);
  });
}
