// Follows docs/life-of-a-snapshot.md with a real store: the visible state at each step of an
// upload, and of a download during which the snapshot is deleted.
import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import type { OwnedStream } from "../../src/wire/chunk.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { withScratchDir } from "../support/scratch.js";
import { never, openTestStore, plainRestore, requestFor, tarOf } from "../unit/store/support.js";

const files = { "cow.raw": Buffer.alloc(300_000, 7), "state.json": Buffer.from("{}\n") };
const requestId = "0b6b1f0a-5a4e-4c43-9f3a-0d9d3a1d7c11";

async function entriesOf(root: string, area: "staging" | "data" | "trash"): Promise<string[]> {
  return (await readdir(join(root, area))).sort();
}

function listed(store: SnapshotStore): string[] {
  return store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name);
}

void test("the story of an upload: reserved, staged, published, recorded, retried", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using store = await openTestStore(root);
    const seen: { staged: string[]; stored: string[]; listed: string[] }[] = [];
    const tar = async function* () {
      for await (const chunk of tarOf(files)) {
        // A pending upload has a reserved name and a staging area. Callers see no part of it.
        await failsWith(
          store.create(requestFor("web"), tarOf(files), never),
          "SNAPSHOT_NAME_TAKEN",
        );
        seen.push({
          staged: await entriesOf(root, "staging"),
          stored: await entriesOf(root, "data"),
          listed: listed(store),
        });
        yield chunk;
      }
    };
    const snapshot = await store.create(requestFor("web", { requestId }), tar(), never);
    const { id } = snapshot.config;
    assert.ok(seen.length > 1, "the upload was looked at while it ran");
    for (const each of seen) assert.deepEqual(each, { staged: [id], stored: [], listed: [] });

    // After publication nothing is left in staging, the files are read-only, and the row is ready.
    assert.deepEqual(await entriesOf(root, "staging"), []);
    assert.deepEqual(await entriesOf(root, "data"), [id]);
    assert.deepEqual(listed(store), ["web"]);
    const directory = store.layout.filesDirectory(id);
    assert.equal((await stat(directory)).mode & 0o777, 0o550);
    for (const name of Object.keys(files)) {
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o440);
    }

    // A retry of the same request reads nothing and stores nothing.
    const unread = async function* (): OwnedStream {
      yield await Promise.reject(new Error("the retry must not read its upload"));
    };
    const again = await store.create(requestFor("web", { requestId }), unread(), never);
    assert.equal(again.config.id, id);
  }));

void test("the story of a failed upload: no part of it stays, and the name is free", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using store = await openTestStore(root);
    const broken = async function* () {
      yield* tarOf(files);
      yield await Promise.reject(new Error("the caller has gone"));
    };
    await assert.rejects(store.create(requestFor("web"), broken(), never), /has gone/);
    for (const area of ["staging", "data", "trash"] as const) {
      assert.deepEqual(await entriesOf(root, area), []);
    }
    await store.create(requestFor("web"), tarOf(files), never);
    assert.deepEqual(listed(store), ["web"]);
  }));

void test("the story of a download: leased, deleted meanwhile, read to its end, then freed", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using store = await openTestStore(root);
    const { config } = await store.create(requestFor("web"), tarOf(files), never);
    const { id } = config;
    {
      await using download = await store.download("web", plainRestore, never);
      assert.deepEqual(await store.delete({ refs: ["web"], allowMissing: false }), [id]);
      // The name is free and the directory is in the trash, while the reader continues.
      assert.deepEqual(listed(store), []);
      assert.deepEqual(await entriesOf(root, "data"), []);
      assert.deepEqual(await entriesOf(root, "trash"), [id]);
      const chunks: Buffer[] = [];
      for await (const chunk of download.bytes) chunks.push(Buffer.from(chunk.bytes));
      assert.ok(Buffer.concat(chunks).includes(files["cow.raw"]), "every byte of the file came");
      assert.deepEqual(await entriesOf(root, "trash"), [id]);
    }
    // After the release of the last lease, the store deletes the bytes and then the row.
    await eventually("an empty trash", async () => (await entriesOf(root, "trash")).length === 0);
    await eventually("a dropped row", () => store.usage()?.chargedBytes === 0);
  }));

void test("a directory lease blocks a deletion until it is released", () =>
  withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    await store.create(requestFor("web"), tarOf(files), never);
    const refs = { refs: ["web"], allowMissing: false };
    {
      await using _open = await store.openDataDirectory("web", { force: false }, never);
      await failsWith(store.delete(refs), "SNAPSHOT_IN_USE");
    }
    assert.equal((await store.delete(refs)).length, 1);
  }));
