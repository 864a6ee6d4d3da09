// Tests that a read that finds damage marks the snapshot as corrupt, and that other errors do not.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, readdir, rename, truncate } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import type { Snapshot } from "../../../src/model/snapshot.js";
import type { SnapshotStore } from "../../../src/store/snapshot-store.js";
import { failsWith } from "../../support/errors.js";
import { cannotMount, withFilesystem, withScratchDir } from "../../support/scratch.js";
import { createFrom, download, never, openTestStore } from "./support.js";
import { openPastMode, pastModes } from "../../support/tamper.js";

const MiB = 1024 * 1024;

function someFiles(): Record<string, Buffer> {
  const memory = Buffer.concat([randomBytes(2 * MiB), Buffer.alloc(MiB), randomBytes(1234)]);
  return { "memory-ranges": memory, "state.json": Buffer.from("{}") };
}

function pathOf(store: SnapshotStore, snapshot: Snapshot, file: string): string {
  return join(store.layout.filesDirectory(snapshot.config.id), file);
}

async function flip(path: string, offset: number): Promise<void> {
  await using file = await openPastMode(path);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, offset);
}

interface Scene {
  readonly store: SnapshotStore;
  readonly snapshot: Snapshot;
  readonly scratch: string;
  /** Returns the types of the events since the scene was opened. May be called once. */
  events(): Promise<string[]>;
}

async function withScene(scratch: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  await using store = await openTestStore(join(scratch, "root"));
  const snapshot = await createFrom(store, "a", someFiles());
  const hangUp = new AbortController();
  const watching = store.watch({ resumeToken: "", filter: {} }, hangUp.signal);
  const iterator = watching[Symbol.asyncIterator]();
  await iterator.next();
  const events = async (): Promise<string[]> => {
    // The event of this change marks the end of the list, and is not in it.
    await store.update({ ref: "a", labels: { last: "yes" } });
    const types: string[] = [];
    for (;;) {
      const { value } = (await iterator.next()) as { value: { type: string } };
      if (value.type === "updated") return types;
      types.push(value.type);
    }
  };
  try {
    await body({ store, snapshot, scratch, events });
  } finally {
    hangUp.abort();
    await iterator.return?.();
  }
}

const damaged = (error: unknown): boolean => isStoreError(error, "STORED_DATA_CORRUPT");

void test("a verified read that finds damage marks the snapshot once, with one event", () =>
  withScratchDir((directory) =>
    withScene(directory, async ({ store, snapshot, events }) => {
      await flip(pathOf(store, snapshot, "memory-ranges"), MiB + 17);
      const readers = Array.from({ length: 4 }, () => download(store, "a", { verify: true }));
      for (const outcome of await Promise.allSettled(readers)) {
        assert.equal(outcome.status, "rejected");
        assert.ok(isStoreError(outcome.reason, "STORED_DATA_CORRUPT"), String(outcome.reason));
      }
      assert.equal(store.inspect("a").corrupt, true);
      assert.deepEqual(await events(), ["corrupt"]);
    }),
  ));

void test("an unverified read that reaches the end of a truncated file also marks the snapshot", () =>
  withScratchDir((directory) =>
    withScene(directory, async ({ store, snapshot }) => {
      const options = { ...{ force: false, verify: false, envelope: false } };
      const how = { ...options, compression: "none", sparseFormat: "none" } as const;
      await using source = await store.download("a", how, never);
      const path = pathOf(store, snapshot, "memory-ranges");
      await pastModes(path, () => truncate(path, MiB));
      await assert.rejects(async () => {
        for await (const bytes of source.bytes) void bytes;
      }, damaged);
      assert.equal(store.inspect("a").corrupt, true);
    }),
  ));

void test("a damaged block table marks the snapshot when data is compared with the table", () =>
  withScratchDir((directory) =>
    withScene(directory, async ({ store, snapshot }) => {
      await flip(join(store.layout.dataDirectory(snapshot.config.id), "blocks/0000.blk"), 60);
      assert.ok((await download(store, "a")).length > 0);
      assert.equal(store.inspect("a").corrupt, false);
      await assert.rejects(download(store, "a", { verify: true }), damaged);
      assert.equal(store.inspect("a").corrupt, true);
    }),
  ));

void test("an aborted read marks nothing, and neither does an unreadable file", () =>
  withScratchDir((directory) =>
    withScene(directory, async ({ store, snapshot, scratch, events }) => {
      const ending = new AbortController();
      const how = { force: false, verify: true, envelope: false, compression: "none" } as const;
      await using source = await store.download(
        "a",
        { ...how, sparseFormat: "none" },
        ending.signal,
      );
      await assert.rejects(async () => {
        for await (const bytes of source.bytes) {
          void bytes;
          ending.abort();
        }
      });
      const socket = join(scratch, "socket");
      const server = createServer().listen(socket);
      await once(server, "listening");
      // A socket cannot be opened as a file.
      const path = pathOf(store, snapshot, "state.json");
      await pastModes(path, () => rename(socket, path));
      server.close();
      await failsWith(download(store, "a", { verify: true }), "IO_FAILED");
      assert.equal(store.inspect("a").corrupt, false);
      assert.deepEqual(await events(), []);
    }),
  ));

void test(
  "an export to a directory compares the copied data, and leaves nothing of a damaged snapshot",
  { skip: cannotMount("ext4") },
  () =>
    withFilesystem("ext4", 64, (mountPoint) =>
      withScene(mountPoint, async ({ store, snapshot, scratch, events }) => {
        const whole = await readFile(pathOf(store, snapshot, "memory-ranges"));
        const target = join(scratch, "out");
        const exported = (force: boolean, to: string) =>
          store.exportToDirectory("a", { path: to }, { force }, never);
        assert.equal((await exported(false, join(scratch, "good"))).reflinked, false);
        assert.ok(whole.equals(await readFile(join(scratch, "good/memory-ranges"))));
        await flip(pathOf(store, snapshot, "memory-ranges"), 2 * MiB - 1);
        await assert.rejects(exported(false, target), damaged);
        assert.ok(!(await readdir(scratch)).includes("out"));
        assert.equal(store.inspect("a").corrupt, true);
        assert.deepEqual(await events(), ["corrupt"]);
        // With `force`, the export includes damaged data, for callers that want the remaining data.
        await exported(true, target);
        assert.equal((await readFile(join(target, "memory-ranges"))).length, whole.length);
      }),
    ),
);

void test("an export that shares blocks reads no data", { skip: cannotMount("btrfs") }, () =>
  withFilesystem("btrfs", 200, (mountPoint) =>
    withScene(mountPoint, async ({ store, snapshot, scratch }) => {
      await flip(pathOf(store, snapshot, "memory-ranges"), 5);
      const done = await store.exportToDirectory(
        "a",
        { path: join(scratch, "out") },
        { force: false },
        never,
      );
      assert.equal(done.reflinked, true);
      assert.equal(store.inspect("a").corrupt, false);
    }),
  ),
);
