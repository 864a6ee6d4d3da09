import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { open, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import type { Snapshot } from "../../../src/model/snapshot.js";
import type { SnapshotStore } from "../../../src/snapshot/store.js";
import type { VerifyEvent } from "../../../src/snapshot/verify.js";
import { withScratchDir } from "../../support/scratch.js";
import { createFrom, download, never, openTestStore } from "./support.js";

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

/** Changes one byte and returns how to change it back. */
async function flip(path: string, offset: number): Promise<() => Promise<void>> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  const old = byte[0] ?? 0;
  await file.write(Buffer.from([old ^ (1 << randomInt(8))]), 0, 1, offset);
  return async () => {
    await using again = await open(path, "r+");
    await again.write(Buffer.from([old]), 0, 1, offset);
  };
}

/** Data, zeros, data, and a last block that is not full. */
function someFiles(): Record<string, Buffer> {
  const memory = Buffer.concat([randomBytes(MiB), Buffer.alloc(MiB), randomBytes(MiB + 1234)]);
  return { "memory-ranges": memory, "state.json": Buffer.from("{}"), empty: Buffer.alloc(0) };
}

void test("an untouched snapshot is intact, also by verified reads", async () => {
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

void test("every flipped byte is found, named by file and range, and not served", async () => {
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
    await truncate(path, 2 * MiB);
    await truncate(path, size);
    await assert.rejects(download(store, "a", { verify: true }), (error) =>
      isStoreError(error, "STORED_DATA_CORRUPT"),
    );
    const bad = (await verdicts(store, "a")).find(({ intact }) => !intact);
    assert.deepEqual(bad?.damaged, [{ offset: 2 * MiB, length: size - 2 * MiB }]);
  });
});

void test("a missing, a short and an unknown file do not hide what is wrong with the others", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const snapshot = await createFrom(store, "a", someFiles());
    await unlink(pathOf(store, snapshot, "empty"));
    await truncate(pathOf(store, snapshot, "state.json"), 1);
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
    assert.match(found[2]?.problem ?? "", /1 bytes, expected 2/);
  });
});

void test("verifying all reads every ready snapshot", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    for (const name of ["a", "b"]) await createFrom(store, name, someFiles());
    assert.equal(new Set((await verdicts(store, "")).map((event) => event.snapshotId)).size, 2);
  });
});
