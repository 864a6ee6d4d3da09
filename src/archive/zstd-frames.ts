// Follows the frames of a zstd stream (RFC 8878, section 3.1).
//
// - It gives the decoder no part that has bytes of two frames or that decompresses without a bound.
// - It detects a truncated stream, and other data after the last frame.
//
// Node's own decoder does neither. Node 22 accepts a truncated stream. Node 22 and 24 ignore a
// second frame in the same part.
import { archiveCutOff, archiveInvalid } from "./archive-invalid.js";

interface ZstdFrameSplitter {
  /** Splits the chunk. No part has bytes of two frames, or of more than nine blocks. */
  split(chunk: Uint8Array): Generator<Uint8Array, void, undefined>;
  /** Throws ARCHIVE_INVALID unless the stream ended at the end of a frame. */
  end(): void;
}

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
/**
 * Maximum number of blocks in one part, except that a part may have one block more. A block has up
 * to 128 KiB of content, however short the block is. zstd-napi decodes its input at once. Without
 * this bound, 512 KiB of a hostile stream would become 16 GiB of memory.
 */
const blocksPerPart = 8;
/** The block type that repeats a single byte. Its size field contains the count. */
const rleBlock = 1;
const reservedBlock = 3;

type FramePart = "magic" | "descriptor" | "header" | "block" | "data" | "checksum" | "skipSize";

/** The next element and its length, which is above 0. */
interface Expected {
  readonly part: FramePart;
  readonly bytes: number;
}

/** Facts that later parts of the frame need from earlier parts. */
interface FrameState {
  descriptor: number;
  hasChecksum: boolean;
  isLastBlock: boolean;
}

const frameStart: Expected = { part: "magic", bytes: 4 };

/**
 * Returns a splitter. `onWindow` receives the memory that a frame requests, before a decoder sees
 * the frame. It may throw.
 */
export function createZstdFrameSplitter(
  onWindow: (bytes: number) => void = () => undefined,
): ZstdFrameSplitter {
  const frame: FrameState = { descriptor: 0, hasChecksum: false, isLastBlock: false };
  const gathered = Buffer.alloc(maxHeaderBytes);
  let expected = frameStart;
  let filled = 0;
  let position = 0;

  return {
    *split(chunk) {
      let start = 0;
      let at = 0;
      let blocks = 0;
      while (at < chunk.byteLength) {
        const end = Math.min(at + expected.bytes - filled, chunk.byteLength);
        // Longer parts are skipped.
        if (expected.bytes <= gathered.length) gathered.set(chunk.subarray(at, end), filled);
        filled += end - at;
        position += end - at;
        at = end;
        if (filled < expected.bytes) continue;
        if (expected.part === "header") onWindow(windowBytes(frame.descriptor, gathered));
        expected = follow(expected.part, gathered, frame, position);
        filled = 0;
        if (expected.part === "block") blocks++;
        if (expected !== frameStart && blocks <= blocksPerPart) continue;
        yield chunk.subarray(start, at);
        start = at;
        blocks = 0;
      }
      if (start < chunk.byteLength) yield chunk.subarray(start);
    },
    end() {
      if (expected === frameStart && filled === 0) return;
      throw archiveCutOff(position, "the rest of the zstd stream");
    },
  };
}

/** Determines the element after the part that ends at `position` and begins with `bytes`. */
function follow(part: FramePart, bytes: Buffer, frame: FrameState, position: number): Expected {
  switch (part) {
    case "magic": {
      const magic = bytes.readUInt32LE(0);
      if (magic === frameMagic) return { part: "descriptor", bytes: 1 };
      if (isSkippable(magic)) return { part: "skipSize", bytes: 4 };
      throw bytesAfterEnd("zstd", position - 4);
    }
    case "skipSize":
      frame.isLastBlock = true;
      frame.hasChecksum = false;
      return followBlock(bytes.readUInt32LE(0), frame);
    case "descriptor":
      frame.descriptor = bytes.readUInt8(0);
      frame.hasChecksum = (bytes.readUInt8(0) & 4) !== 0;
      return { part: "header", bytes: headerBytes(bytes.readUInt8(0)) };
    case "header":
      return { part: "block", bytes: 3 };
    case "block": {
      const header = bytes.readUIntLE(0, 3);
      const type = (header >> 1) & 3;
      if (type === reservedBlock) throw archiveInvalid("zstd stream: a block of unknown type");
      frame.isLastBlock = (header & 1) !== 0;
      return followBlock(type === rleBlock ? 1 : header >> 3, frame);
    }
    case "data":
      return followBlock(0, frame);
    case "checksum":
      return frameStart;
  }
}

/** Determines the element after a block header, or after a block that has been read. */
function followBlock(dataBytes: number, frame: FrameState): Expected {
  if (dataBytes > 0) return { part: "data", bytes: dataBytes };
  if (!frame.isLastBlock) return { part: "block", bytes: 3 };
  return frame.hasChecksum ? { part: "checksum", bytes: 4 } : frameStart;
}

const maxHeaderBytes = 13;

interface HeaderSizes {
  readonly window: number;
  readonly dictionary: number;
  readonly contentSize: number;
}

/** Returns the number of bytes between the descriptor and the first block. */
function headerSizes(descriptor: number): HeaderSizes {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  return {
    window: isSingleSegment ? 0 : 1,
    dictionary: [0, 1, 2, 4][descriptor & 3] ?? 0,
    contentSize: [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0,
  };
}

function headerBytes(descriptor: number): number {
  const { window, dictionary, contentSize } = headerSizes(descriptor);
  return window + dictionary + contentSize;
}

/**
 * Returns the size of the window in bytes. If the window has no field of its own, its size equals
 * the content's size (RFC 8878, 3.1.1.1.2 and 3.1.1.1.4).
 */
function windowBytes(descriptor: number, header: Buffer): number {
  const { window, dictionary, contentSize } = headerSizes(descriptor);
  if (window === 1) {
    const base = 2 ** (10 + (header.readUInt8(0) >> 3));
    return base + (base / 8) * (header.readUInt8(0) & 7);
  }
  if (contentSize === 8) return Number(header.readBigUInt64LE(dictionary));
  return header.readUIntLE(dictionary, contentSize) + (contentSize === 2 ? 256 : 0);
}

export function bytesAfterEnd(format: string, offset: number): Error {
  return archiveInvalid(
    `the archive continues after the end of its ${format} stream at byte ${offset}`,
    {
      hint: "One archive holds one snapshot; nothing may be appended to it",
    },
  );
}

/**
 * Returns whether a stream begins with a frame of zstd. A stream may begin with a skippable frame,
 * as the streams of pzstd do.
 */
export function isZstdMagic(head: Uint8Array): boolean {
  if (head.byteLength < 4) return false;
  const magic = Buffer.from(head.buffer, head.byteOffset, 4).readUInt32LE(0);
  return magic === frameMagic || isSkippable(magic);
}

function isSkippable(magic: number): boolean {
  return magic - (magic % 16) === skippableMagic;
}
