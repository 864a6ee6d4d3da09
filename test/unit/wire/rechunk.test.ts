// Tests chunks made from pieces of any size. All bytes are in order, no chunk is too large, and
// large pieces are not copied.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesOf, OwnedChunk, type OwnedStream } from "../../../src/wire/chunk.js";
import { rechunk } from "../../../src/wire/rechunk.js";

/** Overwrites each piece when the next one is requested, as a producer may do. */
async function* shortLived(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const piece = part.slice();
    yield piece;
    piece.fill(0xee);
  }
}

async function collect(parts: readonly Uint8Array[], chunkBytes: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of rechunk(shortLived(parts), chunkBytes)) {
    chunks.push(Buffer.from(bytesOf(chunk)));
  }
  return chunks;
}

test("all bytes arrive in order, in chunks that are neither empty nor too large", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 200 }), async (parts, chunkBytes) => {
      const chunks = await collect(parts, chunkBytes);
      assert.ok(chunks.every(({ length }) => length > 0 && length <= chunkBytes));
      assert.deepEqual(Buffer.concat(chunks), Buffer.concat(parts));
    }),
  );
});

test("small pieces are joined, and a large piece is split without a copy", async () => {
  const sizes = async (...lengths: number[]): Promise<number[]> =>
    (
      await collect(
        lengths.map((length) => Buffer.alloc(length, 1)),
        100,
      )
    ).map((c) => c.length);
  assert.deepEqual(await sizes(30, 30, 30, 30), [90, 30]);
  assert.deepEqual(await sizes(10, 100, 250, 10), [10, 100, 100, 100, 50, 10]);
  assert.deepEqual(await sizes(0, 0), []);
});

test("a large piece is not copied", async () => {
  const piece = Buffer.alloc(100, 1);
  const source = {
    async *[Symbol.asyncIterator]() {
      yield piece;
    },
  };
  for await (const chunk of rechunk(source, 100)) {
    assert.equal(bytesOf(chunk).buffer, piece.buffer);
  }
});

test("the chunks of an owned stream are owned, and memory is transferred with its last chunk", async () => {
  const large = new Uint8Array(250 * 1024).fill(1);
  const small = new Uint8Array(70 * 1024).fill(2);
  async function* source(): OwnedStream {
    await Promise.resolve();
    yield OwnedChunk.handOver(large);
    yield OwnedChunk.handOver(small);
  }
  const memories: (ArrayBuffer | undefined)[] = [];
  for await (const chunk of rechunk(source(), 200 * 1024)) memories.push(chunk.takeMemory());
  assert.equal(memories[0], undefined, "more of it follows");
  assert.equal(memories[1], large.buffer);
  assert.equal(memories.length, 3);
  assert.notEqual(memories[2], small.buffer, "joined chunks are copies");
  assert.equal(small.length, 0, "what was copied has been freed");
});
