// Tests that a truncated archive is never accepted as complete, and that random damage ends in a
// StoreError or in a complete archive.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readTar } from "../../../src/archive/tar-reader.js";
import { decompress } from "../../../src/archive/compression.js";
import { writeTar, type SparseFormat } from "../../../src/archive/tar-writer.js";
import { StoreError } from "../../../src/base/errors.js";
import { chunked, collect, memoryFile, oneChunk, readAll, rejectsWith } from "./support.js";

const content = Buffer.alloc(5000, "content ");
const sparse = [
  { offset: 512, length: 1024 },
  { offset: 3000, length: 700 },
];

function smallArchive(sparseFormat: SparseFormat): Promise<Buffer> {
  const files = [
    memoryFile("a", content),
    memoryFile("b", content, sparse),
    memoryFile("c", content),
  ];
  return collect(writeTar(files, { sparseFormat, envelope: Buffer.from("{}\n") }));
}

for (const format of ["cocoon", "gnu", "none"] as const) {
  test(`a tar that ends at any block boundary is reported as truncated (${format})`, async () => {
    const whole = await smallArchive(format);
    assert.equal((await readAll(oneChunk(whole))).length, 4);
    for (let length = 0; length < whole.byteLength; length += 512) {
      await rejectsWith(readAll(oneChunk(whole.subarray(0, length))), "ARCHIVE_INVALID", /cut off/);
    }
  });
}

test("a tar that ends within a block is reported as truncated", async () => {
  const whole = await smallArchive("cocoon");
  for (let length = 1; length < whole.byteLength; length += 37) {
    const cut = readAll(chunked(whole.subarray(0, length), [100]));
    await rejectsWith(cut, "ARCHIVE_INVALID", /cut off/);
  }
});

test("a missing last entry is noticed", async () => {
  const one = await collect(writeTar([memoryFile("a", content)]));
  const cut = one.subarray(0, one.byteLength - 1024);
  await rejectsWith(readAll(oneChunk(cut)), "ARCHIVE_INVALID", /the next header or the end marker/);
});

/** Reads without trusting any size, because a flipped bit may announce a file of petabytes. */
async function drain(bytes: Buffer, chunkBytes: number): Promise<void> {
  for await (const entry of readTar(decompress(chunked(bytes, [chunkBytes])))) {
    for await (const piece of entry.pieces()) {
      assert.ok(piece.offset + piece.chunk.length <= entry.sizeBytes);
    }
  }
}

for (const format of ["cocoon", "gnu"] as const) {
  test(`random damage ends in a StoreError or in a complete archive (${format})`, async () => {
    const whole = await smallArchive(format);
    const damage = fc.record({
      flips: fc.array(
        fc.record({ at: fc.nat(whole.byteLength - 1), with: fc.integer({ min: 1, max: 255 }) }),
        { minLength: 1, maxLength: 8 },
      ),
      chunkBytes: fc.constantFrom(61, 512, 700, 1 << 20),
      fixChecksums: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ flips, chunkBytes, fixChecksums }) => {
        const bytes = Buffer.from(whole);
        for (const flip of flips) bytes[flip.at] = (bytes[flip.at] ?? 0) ^ flip.with;
        if (fixChecksums) repairChecksums(bytes);
        try {
          await drain(bytes, chunkBytes);
        } catch (error) {
          assert.ok(error instanceof StoreError, String(error));
        }
      }),
      { numRuns: 500, interruptAfterTimeLimit: 60_000 },
    );
  });
}

/**
 * Repairs the checksum of every block with the magic of a header, so that damage reaches later
 * checks.
 */
function repairChecksums(bytes: Buffer): void {
  for (let start = 0; start + 512 <= bytes.byteLength; start += 512) {
    const block = bytes.subarray(start, start + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(" ", 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
}
