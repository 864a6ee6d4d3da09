// Tests the directory forms of create, import and export, and the lease on a data directory.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import {
  claimsOf,
  compareDirectories,
  compareStored,
  createFrom,
  entriesOf,
  makeSmallSource,
  mib,
  readJson,
  restoreTo,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { PlainSnapshot, StoreCalls } from "../subject.js";

function withDigest(store: StoreCalls, ref: string): Promise<PlainSnapshot> {
  return eventually("digests of what was taken over", async () => {
    const snapshot = await store.inspect(ref);
    return snapshot.digest !== "" && snapshot;
  });
}

export function directoryBehaviours(storeTest: StoreTest): void {
  storeTest("a directory is taken over by rename", async ({ store, scratch }) => {
    const twin = await makeSmallSource(join(scratch, "twin"));
    const source = await makeSmallSource(join(scratch, "source"));
    const { ino } = await stat(join(source, "cow.raw"));
    const uploaded = await createFrom(store, twin, { name: "uploaded" });
    const taken = await store.createFromDirectory(source, { name: "taken", labels: { a: "1" } });
    assert.ok(!existsSync(source));
    await using held = await store.openDataDirectory("taken");
    assert.equal((await stat(join(held.directory, "cow.raw"))).ino, ino);
    await compareStored(held.directory, twin);
    await compareDirectories(await restoreTo(store, "taken", join(scratch, "restored")), twin);
    // The check guards against a bug in which the daemon computed no digests before the next start.
    const described = await withDigest(store, "taken");
    assert.equal(described.digest, uploaded.digest);
    assert.equal(described.sizeBytes, taken.sizeBytes);
    const digestsOf = ({ files }: PlainSnapshot) => files.map(({ digest }) => digest);
    assert.deepEqual(digestsOf(described), digestsOf(uploaded));
  });

  storeTest(
    "digests whose computation a stop interrupted are computed later",
    async ({ store, scratch }) => {
      const twin = await makeSmallSource(join(scratch, "twin"));
      const source = await makeSmallSource(join(scratch, "source"));
      const uploaded = await createFrom(store, twin);
      const { id } = await store.createFromDirectory(source);
      await store.restart();
      assert.equal((await withDigest(store, id)).digest, uploaded.digest);
    },
  );

  storeTest("a directory that cannot be taken over stays unchanged", async (context) => {
    const { store, scratch } = context;
    const twin = await makeSmallSource(join(scratch, "twin"));
    await createFrom(store, twin, { name: "web" });
    const source = await makeSmallSource(join(scratch, "source"));
    await failsWith(store.createFromDirectory(source, { name: "web" }), "SNAPSHOT_NAME_TAKEN");
    // The configuration gives the disk another size than cow.raw has. The store detects this only
    // after the rename.
    const wrongDisk = { name: "disk", storageBytes: 7 * mib };
    await failsWith(store.createFromDirectory(source, wrongDisk), "ARCHIVE_INVALID");
    await compareDirectories(source, twin);
    await mkdir(join(source, "sub"));
    await failsWith(store.createFromDirectory(source), "ARCHIVE_INVALID");
    assert.deepEqual((await readdir(source)).sort(), [...(await readdir(twin)), "sub"].sort());
    await failsWith(store.createFromDirectory(join(scratch, "nowhere")), "DIRECTORY_NOT_FOUND");
    await failsWith(store.createFromDirectory(join(store.root, "data")), "FIELD_INVALID");
    assert.equal((await store.list()).totalSize, 1);
    assert.equal((await entriesOf(store.root, "data")).length, 1);
  });

  storeTest("a directory is exported and imported again", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const header = { name: "web", description: "first", image: "debian", imageBlobIds: ["b", "a"] };
    const original = await createFrom(store, source, header);
    const target = join(scratch, "exported");
    assert.equal((await store.exportToDirectory("web", target)).id, original.id);
    assert.deepEqual(await readJson(join(target, "snapshot.json")), {
      config: {
        id: original.id,
        ...{ name: "web", description: "first", image: "debian" },
        image_blob_ids: { a: {}, b: {} },
      },
      version: 1,
      files: (await readdir(source)).sort(),
      stasis: claimsOf(original),
    });
    const copy = await store.importFromDirectory(target, { name: "copy", labels: { a: "1" } });
    assert.equal(copy.digest, original.digest);
    assert.deepEqual([copy.description, copy.image], ["first", "debian"]);
    assert.deepEqual(copy.imageBlobIds, ["a", "b"]);
    assert.ok(existsSync(join(target, "cow.raw")), "the source of an import stays");
    await compareDirectories(await restoreTo(store, "copy", join(scratch, "restored")), source);
  });

  storeTest("an export requires an empty directory", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    await createFrom(store, source, { name: "web" });
    const full = join(scratch, "full");
    await mkdir(full);
    await writeFile(join(full, "mine"), "");
    await failsWith(store.exportToDirectory("web", full), "DIRECTORY_NOT_EMPTY");
    assert.deepEqual(await readdir(full), ["mine"]);
    const nowhere = join(scratch, "nowhere", "deep");
    await failsWith(store.exportToDirectory("web", nowhere), "DIRECTORY_NOT_FOUND");
    await failsWith(store.importFromDirectory(nowhere), "DIRECTORY_NOT_FOUND");
    await failsWith(store.importFromDirectory(full), "ENVELOPE_MISSING");
    const inside = join(store.root, "staging");
    await failsWith(store.exportToDirectory("web", inside), "FIELD_INVALID");
    assert.deepEqual(await readdir(inside), []);
    const empty = join(scratch, "empty");
    await mkdir(empty);
    await store.exportToDirectory("web", empty);
    assert.equal((await readdir(empty)).length, (await readdir(source)).length + 1);
  });

  storeTest("a lease on a data directory prevents its deletion", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const web = await createFrom(store, source, { name: "web" });
    await createFrom(store, source, { name: "other" });
    const held = [await store.openDataDirectory("web"), await store.openDataDirectory(web.id)];
    await compareStored(held[0]?.directory ?? "", source);
    const refused = await failsWith(store.delete(["other", "web"]), "SNAPSHOT_IN_USE");
    assert.equal(refused.resource?.name, web.id);
    assert.equal(refused.metadata["holders"], "2");
    assert.equal((await store.list()).totalSize, 2);
    for (const each of held) await each[Symbol.asyncDispose]();
    const deleted = await eventually("the end of the leases", () =>
      store.delete(["web"]).catch(() => undefined),
    );
    assert.deepEqual(deleted, [web.id]);
  });
}
