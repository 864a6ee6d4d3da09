// Compresses and decompresses small pieces with zstd, each as one frame that states the length of
// its content (RFC 8878, section 3.1.1).
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { asBuffer } from "../holes/zero.js";

export interface ZstdBlockCodec {
  /** Returns one frame, which states the length of its content and has no checksum. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /**
   * Returns the content of a frame. Undefined unless `frame` is exactly one frame with exactly
   * `length` bytes of content.
   */
  decompress(frame: Uint8Array, length: number): Promise<Uint8Array | undefined>;
}

/**
 * Level 1 compresses at several times the rate of level 3, and guest memory is hardly smaller with
 * level 3.
 */
const level = 1;
/** The value of ZSTD_c_compressionLevel in zstd.h. */
const compressionLevelParameter = 100;

/** The parts of node:zlib that we use and that the types of Node 20 lack. */
interface OneShotZstd {
  zstdCompress?: unknown;
  zstdDecompress?: unknown;
}
type OneShot = (
  bytes: Uint8Array,
  options: Readonly<Record<string, unknown>>,
  callback: (error: Error | null, result: Buffer) => void,
) => void;

/** Loads the codec. Returns undefined if this Node has no zstd. */
export async function loadZstdBlockCodec(): Promise<ZstdBlockCodec | undefined> {
  const codec = builtInCodec() ?? (await napiCodec());
  if (codec === undefined) return undefined;
  return {
    compress: codec.compress,
    decompress: async (frame, length) => {
      if (!isFrameOf(asBuffer(frame), length)) return undefined;
      try {
        const bytes = await codec.decompress(frame, length);
        return bytes?.length === length ? bytes : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

function builtInCodec(): ZstdBlockCodec | undefined {
  const { zstdCompress, zstdDecompress } = zlib as OneShotZstd;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  const deflate = promisify(zstdCompress as OneShot);
  const inflate = promisify(zstdDecompress as OneShot);
  const params = { [compressionLevelParameter]: level };
  return {
    compress: (bytes) => deflate(bytes, { params, pledgedSrcSize: bytes.length }),
    decompress: (frame, length) => inflate(frame, { maxOutputLength: Math.max(length, 1) }),
  };
}

async function napiCodec(): Promise<ZstdBlockCodec | undefined> {
  try {
    const { compress, decompress } = await import("zstd-napi");
    const options = { compressionLevel: level };
    return {
      compress: (bytes) => Promise.resolve(compress(asBuffer(bytes), options)),
      decompress: (frame) => Promise.resolve(decompress(asBuffer(frame))),
    };
  } catch {
    return undefined;
  }
}

const frameMagic = 0xfd2fb528;
/** Bytes before the optional header fields: the magic and the byte that describes those fields. */
const fixedHeaderBytes = 5;
const lastBlock = 1;
const rleBlock = 1;

/**
 * Returns whether `bytes` are one whole frame that states `length` bytes of content. The decoders
 * allocate the length that a frame states, so no other frame may reach them.
 */
function isFrameOf(bytes: Buffer, length: number): boolean {
  if (bytes.length < fixedHeaderBytes || bytes.readUInt32LE(0) !== frameMagic) return false;
  const descriptor = bytes.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasDictionary = (descriptor & 3) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  if (hasDictionary || sizeBytes === 0) return false;
  const sizeAt = fixedHeaderBytes + (isSingleSegment ? 0 : 1);
  const blocksAt = sizeAt + sizeBytes;
  if (blocksAt > bytes.length || readSize(bytes, sizeAt, sizeBytes) !== length) return false;
  return endOfBlocks(bytes, blocksAt) + ((descriptor & 4) === 0 ? 0 : 4) === bytes.length;
}

function readSize(bytes: Buffer, position: number, sizeBytes: number): number {
  if (sizeBytes === 8) return Number(bytes.readBigUInt64LE(position));
  // RFC 8878, 3.1.1.1.4: the two bytes count from 256.
  return bytes.readUIntLE(position, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

/**
 * Returns the position where the last block of the frame ends, or -1 if the frame has no last
 * block.
 */
function endOfBlocks(bytes: Buffer, start: number): number {
  for (let position = start; position + 3 <= bytes.length;) {
    const header = bytes.readUIntLE(position, 3);
    const isRle = ((header >> 1) & 3) === rleBlock;
    position += 3 + (isRle ? 1 : header >> 3);
    if ((header & lastBlock) !== 0) return position;
  }
  return -1;
}
