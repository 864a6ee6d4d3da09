// Tests that writing and hashing in a worker thread gives the same files and block tables as in one
// thread, and that errors are reported.
import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { OwnedChunk } from "../../../src/wire/chunk.js";
import { createBlockHasher } from "../../../src/files/block-hash.js";
import {
  bufferBytes,
  minTakenBytes,
  piecesPerWorker,
} from "../../../src/files/write-worker-messages.js";
import { openWriteWorkers } from "../../../src/files/write-workers.js";
import { eventually } from "../../support/eventually.js";
import { failsWith } from "../../support/errors.js";
import {
  cannotMount,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";

const mib = 1024 * 1024;

test("several files over one worker thread have the bytes and tables of a single thread", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const files = Array.from({ length: 5 }, async (_, index) => {
      const content = patternBytes(3 * mib + 1000 * index, index + 1);
      const path = join(directory, String(index));
      await using handle = await open(path, "wx");
      const lane = workers.openLane(handle.fd, path);
      const hasher = createBlockHasher();
      const gap = 2 * mib;
      const pieceBytes = 100_000 + 300_000 * index;
      for (let start = 0; start < content.length; start += pieceBytes) {
        const piece = Buffer.from(content.subarray(start, start + pieceBytes));
        hasher.update(gap + start, piece);
        const chunk = OwnedChunk.constant(piece);
        await lane.write(gap + start, chunk);
        assert.equal(chunk.length, piece.length, "memory that others use is copied");
        // If the lane kept a view instead of a copy, this would change the written bytes.
        piece.fill(0xff);
      }
      await lane.idle();
      const sizeBytes = gap + content.length + 5 * mib;
      assert.equal(lane.writtenBefore(sizeBytes), sizeBytes);
      const table = await lane.finish(sizeBytes);
      const expected = hasher.finish(sizeBytes);
      assert.deepEqual(table.runs, expected.runs);
      assert.ok(Buffer.from(table.digests).equals(expected.digests));
      const written = await readFile(path);
      assert.ok(written.subarray(gap).equals(content), `file ${index}`);
      assert.ok(written.subarray(0, gap).every((byte) => byte === 0));
    });
    await Promise.all(files);
  }));

test("memory that a chunk owns is transferred without a copy, and is then detached", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const files = Array.from({ length: 3 }, async (_, index) => {
      const content = patternBytes(12 * mib + 1000 * index, index + 1);
      const path = join(directory, String(index));
      await using handle = await open(path, "wx");
      const lane = workers.openLane(handle.fd, path);
      const hasher = createBlockHasher();
      hasher.update(0, content);
      // As in an archive, the first piece is shorter, and small pieces come between large ones.
      const sizes = [bufferBytes - 1536, bufferBytes, 300, 2 * mib, minTakenBytes, 64 * 1024];
      let taken = 0;
      for (let offset = 0, turn = 0; offset < content.length; turn += 1) {
        const data = content.subarray(offset, offset + (sizes[turn % sizes.length] ?? 1));
        const memory = new Uint8Array(7 + data.length);
        memory.set(data, 7);
        const piece = memory.subarray(7);
        await lane.write(offset, OwnedChunk.handOver(piece));
        if (memory.length === 0) taken += data.length;
        else memory.fill(0xff);
        offset += data.length;
      }
      assert.ok(taken > content.length / 4, `${taken} bytes were not copied`);
      await lane.idle();
      const table = await lane.finish(content.length);
      const expected = hasher.finish(content.length);
      assert.deepEqual(table.runs, expected.runs);
      assert.ok(Buffer.from(table.digests).equals(expected.digests));
      assert.ok((await readFile(path)).equals(content), `file ${index}`);
    });
    await Promise.all(files);
  }));

test("writing uses bounded memory, however much data is written", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    const lane = workers.openLane(handle.fd, path);
    const before = process.memoryUsage.rss();
    for (let turn = 0; turn < 1024; turn += 1) {
      const piece = new Uint8Array(bufferBytes).fill(1);
      await lane.write(turn * bufferBytes, OwnedChunk.handOver(piece));
      assert.equal(piece.length, 0);
    }
    const grown = process.memoryUsage.rss() - before;
    assert.ok(grown < 128 * mib, `${grown} bytes more after 512 MiB`);
    await lane.idle();
    lane.drop();
  }));

test("a finished or discarded lane is idle", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    for (const end of ["finish", "drop"] as const) {
      const lane = workers.openLane(handle.fd, path);
      await lane.write(0, OwnedChunk.constant(Buffer.alloc(mib, 1)));
      await lane.idle();
      await lane.idle();
      await lane[end](mib);
      await lane.idle();
    }
  }));

test("lanes with idle peers do not block other lanes", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    const piece = Buffer.alloc(1000, 1);
    const slow = Array.from({ length: 3 * piecesPerWorker }, () =>
      workers.openLane(handle.fd, path),
    );
    for (const lane of slow) await lane.write(0, OwnedChunk.constant(piece));
    const quick = workers.openLane(handle.fd, path);
    for (let index = 0; index < 100; index += 1)
      await quick.write(index * mib, OwnedChunk.constant(piece));
    for (const lane of [quick, ...slow]) {
      await lane.idle();
      assert.equal((await lane.finish(100 * mib)).sizeBytes, 100 * mib);
    }
  }));

test("a failed lane releases its memory", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    const failed = workers.openLane(1_000_000, "nothing");
    await failed.write(0, OwnedChunk.constant(Buffer.alloc(bufferBytes + 1000, 1)));
    await eventually("its failure", () => {
      try {
        failed.check();
        return false;
      } catch {
        return true;
      }
    });
    const piece = Buffer.alloc(1000, 1);
    const slow = Array.from({ length: piecesPerWorker }, () => workers.openLane(handle.fd, path));
    for (const lane of slow) await lane.write(0, OwnedChunk.constant(piece));
    for (const lane of [failed, ...slow]) lane.drop();
  }));

test("bytes that wait for more bytes do not count as written", () =>
  withScratchDir(async (directory) => {
    await using workers = openWriteWorkers(1);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    const lane = workers.openLane(handle.fd, path);
    await lane.write(0, OwnedChunk.constant(patternBytes(bufferBytes + 1000, 3)));
    const written = (): boolean => lane.writtenBefore(10 * mib) === bufferBytes;
    await eventually("the first write", written);
    await lane.idle();
    assert.equal(lane.writtenBefore(10 * mib), 10 * mib);
    lane.drop();
  }));

const noTmpfs = cannotMount("tmpfs");

test("a full disk is STORAGE_FULL for the affected file only", { skip: noTmpfs }, () =>
  withFilesystem("tmpfs", 2, async (mountPoint) => {
    await using workers = openWriteWorkers(1);
    const path = join(mountPoint, "large");
    await using handle = await open(path, "wx");
    const lane = workers.openLane(handle.fd, path);
    const piece = patternBytes(mib, 7);
    const writing = async (): Promise<void> => {
      for (let offset = 0; offset < 64 * mib; offset += mib)
        await lane.write(offset, OwnedChunk.constant(piece));
    };
    const error = await failsWith(writing(), "STORAGE_FULL");
    assert.match(error.message, /large/);
    await lane.idle();
    await failsWith(lane.finish(64 * mib), "STORAGE_FULL");
    lane.drop();
    await handle.truncate(0);
    const other = workers.openLane(handle.fd, path);
    await other.write(0, OwnedChunk.constant(piece.subarray(0, 1000)));
    await other.idle();
    assert.deepEqual((await other.finish(1000)).runs, [{ kind: "data", count: 1 }]);
  }),
);

test("an invalid descriptor fails its lane, and a dead thread fails all of its lanes", () =>
  withScratchDir(async (directory) => {
    const workers = openWriteWorkers(1);
    const bad = workers.openLane(1_000_000, "nothing");
    await bad.write(0, OwnedChunk.constant(Buffer.alloc(10, 1)));
    await bad.idle();
    assert.throws(() => bad.check(), /nothing/);
    const path = join(directory, "file");
    await using handle = await open(path, "wx");
    const lane = workers.openLane(handle.fd, path);
    await lane.write(0, OwnedChunk.constant(Buffer.alloc(10, 1)));
    await workers[Symbol.asyncDispose]();
    await lane.idle();
    await assert.rejects(lane.finish(10), /write worker ended/);
    await using again = openWriteWorkers(1);
    const next = again.openLane(handle.fd, path);
    await next.write(0, OwnedChunk.constant(Buffer.alloc(10, 1)));
    await next.idle();
    assert.equal((await next.finish(10)).sizeBytes, 10);
  }));
