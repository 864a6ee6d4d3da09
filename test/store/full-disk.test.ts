// Tests a store on a filesystem without a free byte: the daemon starts, reports the problem, and
// can delete.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { failsWith } from "../support/errors.js";
import { cannotMount, withFilesystem } from "../support/scratch.js";
import { createFrom, download, openTestStore } from "../unit/store/support.js";
import { pastModes } from "../support/tamper.js";

/** Writes until the filesystem is full. */
async function fillDisk(path: string): Promise<void> {
  await using file = await open(path, "a");
  const fill = async (): Promise<never> => {
    for (;;) await file.write(Buffer.alloc(4096));
  };
  await assert.rejects(fill(), { code: "ENOSPC" });
}

const names = (store: SnapshotStore): string[] =>
  store
    .list({ filter: {}, pageSize: 10, pageToken: "" })
    .snapshots.map(({ config }) => config.name);

test(
  "on a full disk the daemon starts, reports damage, and deletes",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 24, async (mountPoint) => {
      const root = join(mountPoint, "root");
      const files = { "memory-ranges": randomBytes(1024 * 1024) };
      {
        await using store = await openTestStore(root);
        for (const name of ["a", "b"]) await createFrom(store, name, files);
        const { config } = store.inspect("a");
        const path = join(store.layout.filesDirectory(config.id), "memory-ranges");
        await pastModes(path, () => truncate(path, 1));
        await fillDisk(join(mountPoint, "filler"));
        await failsWith(download(store, "a"), "STORED_DATA_CORRUPT");
      }
      {
        await using store = await openTestStore(root);
        await failsWith(createFrom(store, "c", files), "STORAGE_FULL");
        assert.ok((await download(store, "b")).length > 0);
        await store.delete({ refs: ["a"], allowMissing: false });
        assert.deepEqual(names(store), ["b"]);
      }
      await using store = await openTestStore(root);
      assert.deepEqual(names(store), ["b"]);
    }),
);
