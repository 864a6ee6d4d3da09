// Tests names, refs, pages and filters.
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { layoutOf } from "../../../src/files/layout.js";
import { readManifest, writeManifest } from "../../../src/files/manifest.js";
import { failsWith } from "../../support/errors.js";
import { createFrom, makeSource, piece } from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { CreateHeader, PlainSnapshot, StoreCalls } from "../subject.js";

/** Returns a function that makes snapshots of one small directory. */
async function creatorOf(
  store: StoreCalls,
  scratch: string,
): Promise<(header?: CreateHeader) => Promise<PlainSnapshot>> {
  const source = await makeSource(join(scratch, "source"), [
    { name: "state", sizeBytes: 100, pieces: [piece(0, 100)] },
  ]);
  return (header) => createFrom(store, source, header);
}

/** Copies a snapshot of a stopped store to an id that the test chooses. */
async function copyStored(root: string, id: string, copyId: string): Promise<void> {
  const layout = layoutOf(root);
  const manifest = await readManifest(layout, id);
  await cp(layout.dataDirectory(id), layout.dataDirectory(copyId), { recursive: true });
  const config = { ...manifest.config, id: copyId };
  await writeManifest(layout, { ...manifest, id: copyId, config });
}

const namesOf = (snapshots: readonly PlainSnapshot[]) => snapshots.map(({ name }) => name);

export function findingBehaviours(storeTest: StoreTest): void {
  storeTest("a ref is an id, a name or a prefix of an id", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    const web = await create({ name: "web" });
    const other = await create({});
    for (const ref of [web.id, "web", web.id.slice(0, 8)]) {
      assert.equal((await store.inspect(ref)).id, web.id, ref);
    }
    assert.equal((await store.inspect(other.id)).name, "");
    await failsWith(store.inspect(""), "FIELD_INVALID");
    for (const ref of ["we", web.id.slice(0, 2), "WEB", `${web.id}0`, "wEb"]) {
      await failsWith(store.inspect(ref), "SNAPSHOT_NOT_FOUND");
    }
  });

  storeTest("a name takes precedence over a prefix of an id", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    const first = await create();
    const named = await create({ name: first.id.slice(0, 4) });
    assert.equal((await store.inspect(first.id.slice(0, 4))).id, named.id);
    assert.equal((await store.inspect(first.id.slice(0, 5))).id, first.id);
  });

  storeTest("an ambiguous ref names the candidates", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    const one = await create();
    // Ids are random. The test therefore copies a snapshot on disk to an id that begins alike, and
    // the start adopts the copy.
    const two = one.id.slice(0, 15) + (one.id.endsWith("0") ? "1" : "0");
    await store.restart(() => copyStored(store.root, one.id, two));
    const prefix = one.id.slice(0, 3);
    const error = await failsWith(store.inspect(prefix), "AMBIGUOUS_REF");
    assert.deepEqual(error.metadata["candidates"]?.split(",").sort(), [one.id, two].sort());
    await failsWith(store.delete([prefix]), "AMBIGUOUS_REF");
    await failsWith(store.delete([prefix], { allowMissing: true }), "AMBIGUOUS_REF");
    assert.equal((await store.inspect(two)).id, two);
    assert.equal((await store.list()).totalSize, 2);
  });

  storeTest("a name is unique", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    const web = await create({ name: "web" });
    const taken = await failsWith(create({ name: "web" }), "SNAPSHOT_NAME_TAKEN");
    assert.equal(taken.metadata["snapshot_id"], web.id);
    await failsWith(create({ name: web.id }), "SNAPSHOT_NAME_TAKEN");
    await create();
    await create();
    assert.equal((await store.list()).totalSize, 3);
    await store.delete(["web"]);
    assert.notEqual((await create({ name: "web" })).id, web.id);
  });

  storeTest("invalid names are refused", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    for (const name of ["-a", "a b", "a\u0000", "é", "a".repeat(129), "."]) {
      const error = await failsWith(create({ name }), "FIELD_INVALID");
      assert.match(error.fields[0]?.field ?? "", /name$/);
    }
    const longest = `a${"._:/-".repeat(25)}ab`;
    assert.equal((await create({ name: longest })).name, longest);
  });

  storeTest(
    "pages are newest first and stay complete while snapshots are added",
    async (context) => {
      const { store, scratch } = context;
      const create = await creatorOf(store, scratch);
      for (let index = 0; index < 7; index += 1) await create({ name: `s${index}` });
      const first = await store.list({ pageSize: 3 });
      assert.deepEqual(namesOf(first.snapshots), ["s6", "s5", "s4"]);
      assert.equal(first.totalSize, 7);
      await create({ name: "s7" });
      await store.delete(["s5", "s2"]);
      const second = await store.list({ pageSize: 3, pageToken: first.nextPageToken });
      assert.deepEqual(namesOf(second.snapshots), ["s3", "s1", "s0"]);
      assert.equal(second.totalSize, 6);
      assert.equal(second.nextPageToken, "");
      assert.deepEqual(namesOf((await store.list()).snapshots), [
        "s7",
        "s6",
        "s4",
        "s3",
        "s1",
        "s0",
      ]);
      for (const { files } of second.snapshots) assert.deepEqual(files, []);
    },
  );

  storeTest("a foreign page token is refused", async ({ store, scratch }) => {
    const create = await creatorOf(store, scratch);
    for (const name of ["a", "b"]) await create({ name });
    const { nextPageToken } = await store.list({ pageSize: 1 });
    assert.notEqual(nextPageToken, "");
    await failsWith(store.list({ pageToken: "nonsense" }), "PAGE_TOKEN_INVALID");
    const filter = { namePrefix: "a" };
    await failsWith(store.list({ pageToken: nextPageToken, filter }), "PAGE_TOKEN_INVALID");
    for (const pageSize of [-1, 1001]) await failsWith(store.list({ pageSize }), "FIELD_INVALID");
  });

  storeTest("filters combine, and total_size counts the matches", async (context) => {
    const { store, scratch } = context;
    const create = await creatorOf(store, scratch);
    await create({ name: "web-1", labels: { tier: "web", zone: "a" }, image: "debian" });
    const second = await create({ name: "web-2", labels: { tier: "web", zone: "b" } });
    await create({ name: "db-1", labels: { tier: "db", zone: "a" }, protected: true });
    const found = async (filter: NonNullable<Parameters<StoreCalls["list"]>[0]>["filter"]) => {
      const page = await store.list(filter === undefined ? {} : { filter });
      assert.equal(page.totalSize, page.snapshots.length);
      return namesOf(page.snapshots).sort();
    };
    assert.deepEqual(await found({ namePrefix: "web" }), ["web-1", "web-2"]);
    assert.deepEqual(await found({ labels: { zone: "a" } }), ["db-1", "web-1"]);
    assert.deepEqual(await found({ labels: { zone: "a", tier: "web" } }), ["web-1"]);
    assert.deepEqual(await found({ image: "debian" }), ["web-1"]);
    assert.deepEqual(await found({ protected: true }), ["db-1"]);
    assert.deepEqual(await found({ protected: false }), ["web-1", "web-2"]);
    assert.deepEqual(await found({ createdAfter: second.createdAt }), ["db-1", "web-2"]);
    assert.deepEqual(await found({ createdBefore: second.createdAt }), ["web-1"]);
    assert.deepEqual(await found({ namePrefix: "web", labels: { zone: "c" } }), []);
    assert.deepEqual(await found({ namePrefix: "%" }), []);
  });
}
