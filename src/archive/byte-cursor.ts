// A position in a byte stream: whole small structures, or views of what has arrived. Bodies are
// never copied or gathered.
import type { ByteStream } from "../base/async.js";
import { archiveCutOff } from "./archive-invalid.js";
import { openBytePuller } from "./byte-puller.js";

export interface ByteCursor {
  /** Bytes consumed so far. */
  readonly position: number;
  /**
   * Exactly `length` bytes, or undefined when the stream ends before the first of them. A stream
   * that ends between is cut off: ARCHIVE_INVALID, saying that `what` was expected.
   */
  take(length: number, what: string): Promise<Uint8Array | undefined>;
  /** 1 to `max` bytes that are already here, or undefined when a pull is needed. */
  buffered(max: number): Uint8Array | undefined;
  /** 1 to `max` bytes, or undefined at the end of the stream. */
  some(max: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Everything a cursor returns is a view, valid until the next call. */
export function openByteCursor(source: ByteStream, signal: AbortSignal | undefined): ByteCursor {
  const puller = openBytePuller(source, signal);
  const none = new Uint8Array(0);
  let chunk: Uint8Array = none;
  let start = 0;
  let position = 0;

  const buffered = (max: number): Uint8Array | undefined => {
    if (start === chunk.byteLength) return undefined;
    const end = Math.min(chunk.byteLength, start + max);
    const view = chunk.subarray(start, end);
    position += end - start;
    start = end;
    // Who gets the end of a chunk may take its memory away.
    if (end === chunk.byteLength) [chunk, start] = [none, 0];
    return view;
  };

  const some = async (max: number): Promise<Uint8Array | undefined> => {
    if (start === chunk.byteLength) {
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
      if (first === undefined || first.byteLength === length) return first;
      const whole = new Uint8Array(length);
      whole.set(first);
      let filled = first.byteLength;
      while (filled < length) {
        const more = await some(length - filled);
        if (more === undefined) throw archiveCutOff(position, what);
        whole.set(more, filled);
        filled += more.byteLength;
      }
      return whole;
    },
    close: () => puller.close(),
  };
}
