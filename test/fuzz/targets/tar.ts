// Fuzzes whole archives: headers, PAX records, long names, maps in all notations, bodies, and the
// end. Each archive is read once in one piece and once in small pieces, with the same result.
import assert from "node:assert/strict";
import { isStoreError } from "../../../src/base/errors.js";
import { readTar } from "../../../src/archive/tar-reader.js";
import { checkDataFileName } from "../../../src/model/name.js";
import { oneChunk, chunked, withChecksum } from "../../unit/archive/support.js";
import { parsedLater } from "../only-store-errors.js";

const blockBytes = 512;
const magicAt = 257;
const reasons = ["ARCHIVE_INVALID", "LIMIT_EXCEEDED"] as const;
/** The sizes of the pieces include the sizes next to a block's. */
const cuts = [1, 7, 100, 511, 512, 513, 1000, 5000];
/** The limits are small, so that inputs reach them. */
const limits = { maxFiles: 16, maxPaxBytes: 8192, maxSegments: 64 };

/** The first byte selects the size of the pieces, and whether checksums stay unchanged. */
export async function fuzz(data: Buffer): Promise<void> {
  const seed = data[0] ?? 0;
  const tar = Buffer.from(data.subarray(1));
  // No mutation produces a valid checksum by chance, so without this step the parser would refuse
  // every header.
  if (seed % 16 !== 0) mendChecksums(tar);
  const whole = await outcome(tar, undefined);
  const cut = await outcome(tar, cuts[seed % cuts.length]);
  assert.deepEqual(cut, whole, "the outcome depends on how the bytes come");
}

function mendChecksums(tar: Buffer): void {
  for (let start = 0; start + blockBytes <= tar.length; start += blockBytes) {
    const block = tar.subarray(start, start + blockBytes);
    if (block.toString("latin1", magicAt, magicAt + 5) === "ustar") withChecksum(block);
  }
}

async function outcome(tar: Buffer, chunkBytes: number | undefined): Promise<readonly string[]> {
  const seen: string[] = [];
  await parsedLater(reasons, async () => {
    try {
      await read(tar, chunkBytes, seen);
    } catch (error) {
      seen.push(isStoreError(error) ? error.text : "thrown");
      throw error;
    }
  });
  return seen;
}

async function read(tar: Buffer, chunkBytes: number | undefined, seen: string[]): Promise<void> {
  const source = chunkBytes === undefined ? oneChunk(tar) : chunked(tar, [chunkBytes]);
  const names = new Set<string>();
  for await (const entry of readTar(source, { limits })) {
    checkDataFileName(entry.name, "entry");
    assert.ok(!names.has(entry.name), "a name comes twice");
    names.add(entry.name);
    let end = 0;
    let sum = 0;
    for await (const { offset, chunk } of entry.pieces()) {
      assert.ok(offset >= end, "pieces ascend");
      end = offset + chunk.length;
      assert.ok(end <= entry.sizeBytes, "a piece passes the end");
      for (const byte of chunk.bytes) sum = (sum * 31 + byte) | 0;
    }
    seen.push(`${entry.name} ${entry.mode} ${entry.sizeBytes} ${end} ${sum}`);
  }
}
