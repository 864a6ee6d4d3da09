// Cuts a stream of bytes into encoded chunk frames of Create and Import, with one copy per byte.
// The generated encoder copies twice; these frames carry nearly all bytes, so they alone are
// written by hand. A test holds them equal to the generated codec.

/** `bytes chunk = 2` of CreateRequest and ImportRequest: field 2, wire type 2 (length-delimited). */
const chunkTag = 0x12;
/** Tag and the longest length that is written: 1 MiB needs three bytes of varint. */
const headRoomBytes = 4;

/** Most bytes of a chunk on the wire. */
export const maxChunkBytes = 1024 * 1024;
export const defaultChunkBytes = 512 * 1024;

export interface ChunkFramer {
  /**
   * Copies what fits of `bytes` from `start` on into the frame that is being filled and returns
   * how many bytes that were. When it returns less than was offered, or `isFull`, call `take`.
   */
  fill(bytes: Uint8Array, start: number): number;
  /** Bytes in the frame that is being filled. */
  readonly filledBytes: number;
  readonly isFull: boolean;
  /** The encoded frame; what was filled belongs to the caller from now on. */
  take(): Buffer;
}

export function createChunkFramer(chunkBytes: number = defaultChunkBytes): ChunkFramer {
  // Fresh memory for each frame: grpc-js keeps a frame queued until its window lets it go.
  let buffer: Buffer | undefined;
  let filled = 0;
  return {
    fill(bytes, start) {
      buffer ??= Buffer.allocUnsafeSlow(headRoomBytes + chunkBytes);
      const length = Math.min(bytes.length - start, chunkBytes - filled);
      buffer.set(bytes.subarray(start, start + length), headRoomBytes + filled);
      filled += length;
      return length;
    },
    get filledBytes() {
      return filled;
    },
    get isFull() {
      return filled === chunkBytes;
    },
    take() {
      const frame = buffer ?? Buffer.alloc(headRoomBytes);
      const start = writeHead(frame, filled);
      const end = headRoomBytes + filled;
      buffer = undefined;
      filled = 0;
      return frame.subarray(start, end);
    },
  };
}

/** Writes tag and length right before the payload; returns where they begin. */
function writeHead(frame: Buffer, length: number): number {
  const lengthBytes = length < 0x80 ? 1 : length < 0x4000 ? 2 : 3;
  let position = headRoomBytes - lengthBytes - 1;
  const start = position;
  frame[position++] = chunkTag;
  let rest = length;
  while (rest >= 0x80) {
    frame[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  frame[position] = rest;
  return start;
}
