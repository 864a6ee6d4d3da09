// Gathers small pieces of a byte stream into larger ones; large ones pass as they are.
import type { ByteStream } from "../base/async.js";

/** Pieces from this size on are not copied. */
const passThroughBytes = 64 * 1024;
const bufferBytes = 256 * 1024;

/** Every piece that comes out is valid until the next is asked for, as every one that goes in. */
export async function* coalesce(source: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  // One buffer for the whole stream: a piece is done with when the next is asked for.
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  let filled = 0;
  for await (const piece of source) {
    if (piece.byteLength >= passThroughBytes) {
      if (filled > 0) yield buffer.subarray(0, filled);
      filled = 0;
      yield piece;
      continue;
    }
    let rest = piece;
    while (rest.byteLength > 0) {
      const taken = rest.subarray(0, bufferBytes - filled);
      buffer.set(taken, filled);
      filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
      if (filled < bufferBytes) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
