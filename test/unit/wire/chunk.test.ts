// Tests the ownership of chunks: which chunks may be kept, transferred and freed, and which uses
// the compiler refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteStream } from "../../../src/base/async.js";
import type { StagedFile } from "../../../src/files/staged-file.js";
import type { WriteLane } from "../../../src/files/write-lane.js";
import type { SparseFileWriter } from "../../../src/holes/sparse-writer.js";
import type { WritePool } from "../../../src/holes/write-pool.js";
import { readTar } from "../../../src/archive/tar-reader.js";
import { unpackInto, type UnpackOptions } from "../../../src/client/unpack.js";
import type { Download } from "../../../src/client/index.js";
import type { SnapshotStore, StoreRequest } from "../../../src/store/snapshot-store.js";
import { lend, OwnedChunk, type BorrowedChunk, type OwnedStream } from "../../../src/wire/chunk.js";

const kib = 1024;

test("memory is transferred once, with the last part of a chunk", () => {
  const bytes = new Uint8Array(new ArrayBuffer(100 * kib), 7);
  const chunk = OwnedChunk.handOver(bytes);
  assert.equal(chunk.part(0, 50).takeMemory(), undefined, "more bytes follow");
  const last = chunk.part(50, bytes.length);
  assert.equal(chunk.takeMemory(), undefined, "the part has it");
  assert.equal(last.takeMemory(), bytes.buffer);
  assert.equal(last.takeMemory(), undefined, "taken already");
});

test("memory after the bytes of a chunk belongs to the last part", () => {
  const bytes = new Uint8Array(new ArrayBuffer(100 * kib), 0, 90 * kib);
  const chunk = OwnedChunk.handOver(bytes);
  assert.equal(chunk.part(0, 50).takeMemory(), undefined);
  assert.equal(chunk.part(50, 90 * kib).takeMemory(), bytes.buffer);
});

test("the pool of small Buffers is never transferred", () => {
  const pooled = Buffer.allocUnsafe(kib);
  const chunk = OwnedChunk.handOver(pooled);
  assert.equal(chunk.takeMemory(), undefined);
  chunk.free();
  assert.equal(pooled.length, kib);
  const poolSize = Buffer.poolSize;
  try {
    Buffer.poolSize = 256 * kib;
    const whole = new Uint8Array(256 * kib);
    assert.equal(OwnedChunk.handOver(whole).takeMemory(), undefined);
  } finally {
    Buffer.poolSize = poolSize;
  }
});

test("freeing a chunk frees its memory, and constant bytes are kept", () => {
  const bytes = new Uint8Array(100 * kib);
  const chunk = OwnedChunk.handOver(bytes);
  chunk.free();
  assert.equal(bytes.length, 0);
  chunk.free();
  const constant = new Uint8Array(100 * kib);
  OwnedChunk.constant(constant).free();
  assert.equal(constant.length, 100 * kib);
});

test("a copy owns its bytes, whatever happens to the original", () => {
  const original = new Uint8Array(100 * kib).fill(1);
  const copy = OwnedChunk.copyOf(original);
  original.fill(2);
  assert.ok(copy.bytes.every((byte) => byte === 1));
  assert.equal(copy.takeMemory(), copy.bytes.buffer);
});

test("a borrowed chunk is freed when the next one is requested, and not earlier", async () => {
  const memories = [new Uint8Array(100 * kib), new Uint8Array(100 * kib)];
  async function* source(): OwnedStream {
    await Promise.resolve();
    for (const memory of memories) yield OwnedChunk.handOver(memory);
  }
  const lengths: number[][] = [];
  for await (const bytes of lend(source())) {
    assert.equal(bytes.length, 100 * kib);
    lengths.push(memories.map(({ length }) => length));
  }
  assert.deepEqual(lengths, [
    [100 * kib, 100 * kib],
    [0, 100 * kib],
  ]);
  assert.deepEqual(
    memories.map(({ length }) => length),
    [0, 0],
  );
});

/** Contains uses that the compiler must refuse. No test calls this function. */
async function refusedByTheCompiler(
  borrowed: BorrowedChunk,
  stream: ByteStream,
  download: Download,
  unpacking: UnpackOptions,
  store: SnapshotStore,
  request: StoreRequest,
  sinks: { file: StagedFile; writer: SparseFileWriter; pool: WritePool; lane: WriteLane },
): Promise<void> {
  const { signal } = new AbortController();
  // @ts-expect-error: a file keeps its chunks until they have been written.
  await sinks.file.write(0, borrowed);
  // @ts-expect-error: a writer keeps its chunks until they have been written.
  await sinks.writer.write(0, borrowed);
  // @ts-expect-error: several writes run at once.
  await sinks.pool.write(0, borrowed);
  // @ts-expect-error: a lane transfers memory to a thread.
  await sinks.lane.write(0, borrowed);
  // @ts-expect-error: an object with the same members is not an owned chunk.
  await sinks.lane.write(0, { bytes: borrowed, length: borrowed.length });
  // @ts-expect-error: the entries of a tar are parts of the stream's chunks.
  for await (const entry of readTar(stream)) assert.ok(entry);
  // @ts-expect-error: with `reuseBuffers` the next piece overwrites these bytes.
  await unpackInto("directory", download.bytes, unpacking);
  // @ts-expect-error: the store keeps the chunks of an upload.
  await store.create(request, stream, signal);
  // @ts-expect-error: only `lend` turns a stream of owned chunks into one of borrowed chunks.
  const lent: ByteStream = download.chunks;
  assert.ok(lent);

  await sinks.file.write(0, OwnedChunk.copyOf(borrowed));
  await unpackInto("directory", download.chunks, unpacking);
}

test("the compiler refuses borrowed bytes where they would be kept", () => {
  // The build fails if the compiler accepts one of the lines in that function.
  assert.equal(typeof refusedByTheCompiler, "function");
});
