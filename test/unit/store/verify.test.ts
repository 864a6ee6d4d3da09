// Tests the verification of stored snapshots.
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile, rename, truncate, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import type { Snapshot } from "../../../src/model/snapshot.js";
import type { SnapshotStore } from "../../../src/store/snapshot-store.js";
import type { VerifyEvent } from "../../../src/store/heal/verify.js";
import { cannotMount, withFilesystem, withScratchDir } from "../../support/scratch.js";
import { createFrom, download, never, openTestStore } from "./support.js";
import { openPastMode, pastModes } from "../../support/tamper.js";

const MiB = 1024 * 1024;
const blockBytes = 256 * 1024;

type VerdictEvent = Extract<VerifyEvent, { kind: "verdict" }>;

async function verdicts(store: SnapshotStore, ref: string): Promise<VerdictEvent[]> {
  const found: VerdictEvent[] = [];
  for await (const event of store.verify({ ref, limitBytesPerSecond: 0 }, never)) {
    if (event.kind === "verdict") found.push(event);
  }
  return found;
}

function pathOf(store: SnapshotStore, snapshot: Snapshot, file: string): string {
  return join(store.layout.filesDirectory(snapshot.config.id), file);
}

/** Changes one bit of a byte. Returns a function that restores the byte. */
async function flip(path: string, offset: number): Promise<() => Promise<void>> {
  await using file = await openPastMode(path);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  const old = byte[0] ?? 0;
  await file.write(Buffer.from([old ^ (1 << randomInt(8))]), 0, 1, offset);
  return async () => {
    await using again = await openPastMode(path);
    await again.write(Buffer.from([old]), 0, 1, offset);
  };
}

/** Returns three files. `memory-ranges` has data, zeros, data again, and a partial last block. */
function someFiles(): Record<string, Buffer> {
  const memory = Buffer.concat([randomBytes(MiB), Buffer.alloc(MiB), randomBytes(MiB + 1234)]);
  return { "memory-ranges": memory, "state.json": Buffer.from("{}"), empty: Buffer.alloc(0) };
}

void test("an untouched snapshot is intact, and verified reads succeed", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    await createFrom(store, "a", someFiles());
    const found = await verdicts(store, "a");
    assert.deepEqual(
      found.map(({ file, intact }) => [file, intact]),
      [
        ["empty", true],
        ["memory-ranges", true],
        ["state.json", true],
      ],
    );
    assert.deepEqual(await download(store, "a", { verify: true }), await download(store, "a"));
  });
});

void test("every flipped byte is found with its file and range, and is not served", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const files = someFiles();
    const snapshot = await createFrom(store, "a", files);
    const size = files["memory-ranges"]?.length ?? 0;
    for (let round = 0; round < 60; round += 1) {
      const offset = randomInt(size);
      const undo = await flip(pathOf(store, snapshot, "memory-ranges"), offset);
      const bad = (await verdicts(store, "a")).filter(({ intact }) => !intact);
      const start = Math.floor(offset / blockBytes) * blockBytes;
      const length = Math.min(blockBytes, size - start);
      assert.deepEqual(
        bad.map(({ file, damaged }) => ({ file, damaged })),
        [{ file: "memory-ranges", damaged: [{ offset: start, length }] }],
        `byte ${offset}`,
      );
      assert.equal(store.inspect("a").corrupt, true);
      const refused = (error: unknown) => isStoreError(error, "STORED_DATA_CORRUPT");
      await assert.rejects(download(store, "a"), refused);
      await assert.rejects(download(store, "a", { force: true, verify: true }), refused);
      assert.ok((await download(store, "a", { force: true })).length > 0);
      await undo();
      await verdicts(store, "a");
      assert.equal(store.inspect("a").corrupt, false, "the mark goes when the damage is gone");
    }
  });
});

void test("data that has become a hole is damage", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const files = someFiles();
    const snapshot = await createFrom(store, "a", files);
    const path = pathOf(store, snapshot, "memory-ranges");
    const size = files["memory-ranges"]?.length ?? 0;
    await pastModes(path, async () => {
      await truncate(path, 2 * MiB);
      await truncate(path, size);
    });
    await assert.rejects(download(store, "a", { verify: true }), (error) =>
      isStoreError(error, "STORED_DATA_CORRUPT"),
    );
    const bad = (await verdicts(store, "a")).find(({ intact }) => !intact);
    assert.deepEqual(bad?.damaged, [{ offset: 2 * MiB, length: size - 2 * MiB }]);
  });
});

void test("a missing, a short and an unknown file do not hide damage in other files", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const snapshot = await createFrom(store, "a", someFiles());
    const [empty, state] = ["empty", "state.json"].map((name) => pathOf(store, snapshot, name));
    assert.ok(empty !== undefined && state !== undefined);
    await pastModes(empty, () => unlink(empty));
    await pastModes(state, () => truncate(state, 1));
    await flip(pathOf(store, snapshot, "memory-ranges"), 17);
    const found = await verdicts(store, "a");
    assert.deepEqual(
      found.map(({ file, intact, damaged }) => [file, intact, damaged.length]),
      [
        ["empty", false, 0],
        ["memory-ranges", false, 1],
        ["state.json", false, 0],
      ],
    );
    assert.match(found[0]?.problem ?? "", /missing/);
    assert.match(found[2]?.problem ?? "", /has 1 B, expected 2 B/);
  });
});

void test("damage is marked before it is reported, even if the caller does not wait for the rest", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const snapshot = await createFrom(store, "a", someFiles());
    await flip(pathOf(store, snapshot, "memory-ranges"), 17);
    for await (const event of store.verify({ ref: "a", limitBytesPerSecond: 0 }, never)) {
      if (event.kind === "verdict" && !event.intact) break;
    }
    assert.equal(store.inspect("a").corrupt, true);
  });
});

void test("an unreadable file does not stop the verification of others", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const snapshots = [];
    for (const name of ["a", "b"]) snapshots.push(await createFrom(store, name, someFiles()));
    for (const snapshot of snapshots) {
      const socket = join(scratch, "socket");
      const server = createServer().listen(socket);
      await once(server, "listening");
      // A socket cannot be opened as a file.
      const path = pathOf(store, snapshot, "empty");
      await pastModes(path, () => rename(socket, path));
      server.close();
      await flip(pathOf(store, snapshot, "memory-ranges"), 17);
    }
    const told: string[] = [];
    const reading = (async () => {
      for await (const event of store.verify({ ref: "", limitBytesPerSecond: 0 }, never)) {
        if (event.kind === "verdict") told.push(`${event.file} ${event.intact}`);
      }
    })();
    await assert.rejects(reading, (error) => isStoreError(error, "IO_FAILED"));
    const each = ["memory-ranges false", "state.json true"];
    assert.deepEqual(told, [...each, ...each]);
    assert.deepEqual([store.inspect("a").corrupt, store.inspect("b").corrupt], [true, true]);
  });
});

void test(
  "the data on the disk is verified, and not the page cache",
  { skip: cannotMount("ext4") },
  () =>
    withFilesystem("ext4", 64, async (mountPoint) => {
      const bytes = randomBytes(MiB);
      const image = join(dirname(mountPoint), "image");
      await using store = await openTestStore(join(mountPoint, "root"));
      await createFrom(store, "a", { "memory-ranges": bytes });
      const offset = (await readFile(image)).indexOf(bytes.subarray(-4096));
      assert.ok(offset > 0);
      await flip(image, offset);
      // This read comes from the page cache, where the data is intact.
      assert.ok((await download(store, "a")).includes(bytes.subarray(-4096)));
      const found = await verdicts(store, "a");
      const damaged = [{ offset: 3 * blockBytes, length: blockBytes }];
      assert.deepEqual(
        found.map((event) => event.damaged),
        [damaged],
      );
    }),
);

void test("verifying all snapshots reads every ready snapshot", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    for (const name of ["a", "b"]) await createFrom(store, name, someFiles());
    assert.equal(new Set((await verdicts(store, "")).map((event) => event.snapshotId)).size, 2);
  });
});
