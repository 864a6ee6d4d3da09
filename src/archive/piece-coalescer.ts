// Gathers small pieces of a byte stream into larger ones; large ones pass as they are.
import type { ByteStream } from "../base/async.js";
import { freeGiven, giveAway } from "../wire/given-bytes.js";

/** Pieces from this size on are not copied. */
const passThroughBytes = 64 * 1024;
const bufferBytes = 256 * 1024;

/** Every piece that comes out is valid until the next is asked for, as every one that goes in. */
export async function* coalesce(source: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  // Whoever gets a piece may free it. Otherwise it is done with when the next is asked for.
  let buffer = Buffer.alloc(0);
  let filled = 0;
  const gathered = (): Uint8Array => {
    const piece = buffer.subarray(0, filled);
    giveAway(piece);
    filled = 0;
    return piece;
  };
  for await (const piece of source) {
    if (piece.byteLength >= passThroughBytes) {
      if (filled > 0) yield gathered();
      yield piece;
      continue;
    }
    let rest = piece;
    while (rest.byteLength > 0) {
      if (buffer.byteLength === 0) buffer = Buffer.allocUnsafeSlow(bufferBytes);
      const taken = rest.subarray(0, bufferBytes - filled);
      buffer.set(taken, filled);
      filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
      // Its last bytes were copied.
      if (rest.byteLength === 0) freeGiven(piece);
      if (filled === bufferBytes) yield gathered();
    }
  }
  if (filled > 0) yield gathered();
}
