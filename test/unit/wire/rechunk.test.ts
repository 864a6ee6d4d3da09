// Chunks out of pieces of any size: all bytes, in order, none too large, and large pieces not copied.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rechunk } from "../../../src/wire/rechunk.js";

/** Each piece is overwritten as soon as the next is asked for, as its maker may do. */
async function* shortLived(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const piece = part.slice();
    yield piece;
    piece.fill(0xee);
  }
}

async function collect(parts: readonly Uint8Array[], chunkBytes: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of rechunk(shortLived(parts), chunkBytes)) chunks.push(Buffer.from(chunk));
  return chunks;
}

test("all bytes come out, in order, in chunks that are neither empty nor too large", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 200 }), async (parts, chunkBytes) => {
      const chunks = await collect(parts, chunkBytes);
      assert.ok(chunks.every(({ length }) => length > 0 && length <= chunkBytes));
      assert.deepEqual(Buffer.concat(chunks), Buffer.concat(parts));
    }),
  );
});

test("small pieces are joined, a large one is cut where it lies", async () => {
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
  for await (const chunk of rechunk(source, 100)) assert.equal(chunk.buffer, piece.buffer);
});
