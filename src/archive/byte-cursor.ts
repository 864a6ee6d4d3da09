// Reads a byte stream from a moving position. It reads small structures as a whole, and bodies as
// parts of the chunks that have arrived. It never copies or joins bodies.
import { OwnedChunk, type BorrowedChunk, type OwnedStream } from "../wire/chunk.js";
import { archiveCutOff } from "./archive-invalid.js";
import { openBytePuller } from "./byte-puller.js";

export interface ByteCursor {
  /** Bytes consumed so far. */
  readonly position: number;
  /**
   * Returns exactly `length` bytes, valid until the next call. Returns undefined if the stream ends
   * before the first byte. Throws ARCHIVE_INVALID, naming `what`, if the stream ends after the
   * first byte.
   */
  take(length: number, what: string): Promise<BorrowedChunk | undefined>;
  /** Returns 1 to `max` bytes that have arrived, or undefined if the caller must call `some`. */
  buffered(max: number): OwnedChunk | undefined;
  /** Returns 1 to `max` bytes, or undefined at the end of the stream. */
  some(max: number): Promise<OwnedChunk | undefined>;
  close(): Promise<void>;
}

const none = OwnedChunk.constant(new Uint8Array(0));

export function openByteCursor(source: OwnedStream, signal: AbortSignal | undefined): ByteCursor {
  const puller = openBytePuller(source, signal);
  let chunk = none;
  let start = 0;
  let position = 0;

  const buffered = (max: number): OwnedChunk | undefined => {
    const { length } = chunk;
    if (start === length) return undefined;
    const end = Math.min(length, start + max);
    const part = chunk.part(start, end);
    position += end - start;
    start = end;
    // The last part owns the chunk's memory.
    if (end === length) [chunk, start] = [none, 0];
    return part;
  };

  const some = async (max: number): Promise<OwnedChunk | undefined> => {
    if (start === chunk.length) {
      const next = await puller.next();
      if (next === undefined) return undefined;
      chunk = next;
      start = 0;
    }
    return buffered(max);
  };

  return {
    get position() {
      return position;
    },
    buffered,
    some,
    async take(length, what) {
      const first = await some(length);
      if (first === undefined || first.length === length) return first?.bytes;
      const whole = new Uint8Array(length);
      whole.set(first.bytes);
      let filled = first.length;
      while (filled < length) {
        const more = await some(length - filled);
        if (more === undefined) throw archiveCutOff(position, what);
        whole.set(more.bytes, filled);
        filled += more.length;
      }
      return whole;
    },
    close: () => puller.close(),
  };
}
