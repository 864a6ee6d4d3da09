// A position in a byte stream: reads whole small structures, or parts of the chunks that have
// arrived. Bodies are never copied or joined.
import { OwnedChunk, type BorrowedChunk, type OwnedStream } from "../wire/chunk.js";
import { archiveCutOff } from "./archive-invalid.js";
import { openBytePuller } from "./byte-puller.js";

export interface ByteCursor {
  /** Bytes consumed so far. */
  readonly position: number;
  /**
   * Exactly `length` bytes, valid until the next call, or undefined when the stream ends before the
   * first of them. Throws ARCHIVE_INVALID when the stream ends after the first: `what` was
   * expected.
   */
  take(length: number, what: string): Promise<BorrowedChunk | undefined>;
  /** 1 to `max` bytes that have arrived already, or undefined when a pull is needed. */
  buffered(max: number): OwnedChunk | undefined;
  /** 1 to `max` bytes, or undefined at the end of the stream. */
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
    // The part at the end has taken the chunk's memory.
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
