// Chunks of a size worth a message, of a stream whose pieces have any size.
import type { ByteStream } from "../base/async.js";
import { giveAway } from "./given-bytes.js";

/**
 * Chunks of `chunkBytes` or less. Small pieces are joined; a larger one is cut without copying, so
 * that a chunk is only valid until the next one is asked for.
 */
export async function* rechunk(
  pieces: ByteStream,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let joined: Buffer | undefined;
  let filled = 0;
  for await (const piece of pieces) {
    if (joined !== undefined && filled + piece.length > chunkBytes) {
      yield given(joined, filled);
      joined = undefined;
      filled = 0;
    }
    if (joined === undefined && piece.length * 2 >= chunkBytes) {
      for (let start = 0; start < piece.length; start += chunkBytes) {
        yield piece.subarray(start, start + chunkBytes);
      }
    } else if (piece.length > 0) {
      joined ??= Buffer.allocUnsafeSlow(chunkBytes);
      joined.set(piece, filled);
      filled += piece.length;
    }
  }
  if (joined !== undefined) yield given(joined, filled);
}

function given(joined: Buffer, filled: number): Buffer {
  const chunk = joined.subarray(0, filled);
  giveAway(chunk);
  return chunk;
}
