// Fuzzes encoded blocks: zstd frames and patches. A decoded block has the expected length, and
// needs no more memory than that.
import assert from "node:assert/strict";
import { loadZstdBlockCodec } from "../../../src/archive/zstd-block.js";
import { decodeBlock } from "../../../src/remote/format/block-codec.js";

const codec = await loadZstdBlockCodec();
const base = Buffer.alloc(0x10000, "a page of a guest, ");

/** The first byte selects the encoding, and the next two give the length of the block. */
export async function fuzz(data: Buffer): Promise<void> {
  if (codec === undefined || data.length < 3) return;
  const encoding = data.readUInt8(0) % 2 === 0 ? "zstd" : "patch";
  const length = data.readUInt16LE(1);
  const encoded = { encoding, bytes: data.subarray(3) } as const;
  const block = await decodeBlock(codec, encoded, length, base.subarray(0, length));
  if (block !== undefined) assert.equal(block.length, length);
}
