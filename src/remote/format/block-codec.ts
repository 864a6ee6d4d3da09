// Encodes and decodes a block in a pack. The encodings are:
//
//   raw    the bytes
//   zstd   one zstd frame that states its length
//   patch  a bitmap of the pages that differ from the base block, one bit for each 4 KiB page, the
//          lowest bit of the first byte first; then one zstd frame with the XOR of these pages and
//          those of the base
//
// The base of a patch is raw or zstd, so at most two entries are read for a block.
import type { ZstdBlockCodec } from "../../archive/zstd-block.js";

export type BlockEncoding = "raw" | "zstd" | "patch";

/** All encodings in the order of their numbers in packs and maps. */
export const blockEncodings: readonly BlockEncoding[] = ["raw", "zstd", "patch"];

export interface EncodedBlock {
  readonly encoding: BlockEncoding;
  readonly bytes: Uint8Array;
}

const pageBytes = 4096;
/** zstd is used if it takes at most this share of the block. */
const worthwhileZstd = 0.94;
/**
 * A patch is used if it takes less than this share of the zstd frame, because reading a patch costs
 * more.
 */
const worthwhilePatch = 0.5;
/** If a patch takes at most this share of the block, it is used without making the zstd frame. */
const smallPatch = 1 / 16;

/** Encodes a block. If `codec` is undefined, this Node has no zstd, and the block is stored raw. */
export async function encodeBlock(
  codec: ZstdBlockCodec | undefined,
  block: Uint8Array,
  base?: Uint8Array,
): Promise<EncodedBlock> {
  if (codec === undefined) return { encoding: "raw", bytes: block };
  const patch = base?.length === block.length ? await encodePatch(codec, block, base) : undefined;
  if (patch !== undefined && patch.length <= block.length * smallPatch) {
    return { encoding: "patch", bytes: patch };
  }
  const frame = await codec.compress(block);
  const whole: EncodedBlock =
    frame.length <= block.length * worthwhileZstd
      ? { encoding: "zstd", bytes: frame }
      : { encoding: "raw", bytes: block };
  if (patch !== undefined && patch.length < whole.bytes.length * worthwhilePatch) {
    return { encoding: "patch", bytes: patch };
  }
  return whole;
}

/**
 * Returns the block of `length` bytes. Patches need `base`, and all encodings but raw need `codec`.
 * Undefined if the bytes cannot be that block. The caller must still compare the digest of the
 * result.
 */
export async function decodeBlock(
  codec: ZstdBlockCodec | undefined,
  { encoding, bytes }: EncodedBlock,
  length: number,
  base?: Uint8Array,
): Promise<Uint8Array | undefined> {
  if (encoding === "raw") return bytes.length === length ? bytes : undefined;
  if (codec === undefined) return undefined;
  if (encoding === "zstd") return codec.decompress(bytes, length);
  return base?.length === length ? decodePatch(codec, bytes, base) : undefined;
}

/** Returns the patch. Undefined if the blocks are equal. */
async function encodePatch(
  codec: ZstdBlockCodec,
  block: Uint8Array,
  base: Uint8Array,
): Promise<Uint8Array | undefined> {
  const bitmap = new Uint8Array(bitmapBytes(block.length));
  const difference = new Uint8Array(block.length);
  let used = 0;
  for (let start = 0; start < block.length; start += pageBytes) {
    const end = Math.min(start + pageBytes, block.length);
    const page = block.subarray(start, end);
    const old = base.subarray(start, end);
    if (Buffer.compare(page, old) === 0) continue;
    const number = start / pageBytes;
    bitmap[number >> 3] = (bitmap[number >> 3] ?? 0) | (1 << (number & 7));
    xorInto(difference.subarray(used, used + page.length), page, old);
    used += page.length;
  }
  if (used === 0) return undefined;
  return Buffer.concat([bitmap, await codec.compress(difference.subarray(0, used))]);
}

async function decodePatch(
  codec: ZstdBlockCodec,
  patch: Uint8Array,
  base: Uint8Array,
): Promise<Uint8Array | undefined> {
  const head = bitmapBytes(base.length);
  if (patch.length < head) return undefined;
  const pages: { readonly start: number; readonly end: number }[] = [];
  for (let number = 0; number < head * 8; number += 1) {
    if (((patch[number >> 3] ?? 0) & (1 << (number & 7))) === 0) continue;
    const start = number * pageBytes;
    if (start >= base.length) return undefined;
    pages.push({ start, end: Math.min(start + pageBytes, base.length) });
  }
  const changedBytes = pages.reduce((sum, { start, end }) => sum + end - start, 0);
  if (changedBytes === 0) return undefined;
  const difference = await codec.decompress(patch.subarray(head), changedBytes);
  if (difference === undefined) return undefined;
  const block = Uint8Array.from(base);
  let used = 0;
  for (const { start, end } of pages) {
    const page = block.subarray(start, end);
    xorInto(page, page, difference.subarray(used, used + end - start));
    used += end - start;
  }
  return block;
}

function bitmapBytes(blockLength: number): number {
  return Math.ceil(Math.ceil(blockLength / pageBytes) / 8);
}

/**
 * Writes the XOR of `left` and `right` to `target`, which may be one of them. All have the same
 * length.
 */
function xorInto(target: Uint8Array, left: Uint8Array, right: Uint8Array): void {
  for (let index = 0; index < target.length; index += 1) {
    target[index] = (left[index] ?? 0) ^ (right[index] ?? 0);
  }
}
