// Cuts and joins the pieces of a stream, so that each chunk is worth a message.
import { bytesOf, freeIfOwned, OwnedChunk, type Chunk } from "./chunk.js";

/**
 * Yields chunks of at most `chunkBytes`. Pieces below half of that size are copied together, and
 * with them a larger piece that still fits. Any other piece is cut without a copy, so its chunks
 * are owned or borrowed as the piece is.
 */
export async function* rechunk<C extends Chunk>(
  pieces: AsyncIterable<C>,
  chunkBytes: number,
): AsyncGenerator<C | OwnedChunk, void, undefined> {
  let joined: Buffer | undefined;
  let filled = 0;
  for await (const piece of pieces) {
    const bytes = bytesOf(piece);
    const { length } = bytes;
    if (joined !== undefined && filled + length > chunkBytes) {
      yield OwnedChunk.handOver(joined.subarray(0, filled));
      joined = undefined;
      filled = 0;
    }
    if (joined === undefined && length * 2 >= chunkBytes) {
      for (let start = 0; start < length; start += chunkBytes) {
        yield cut(piece, start, Math.min(start + chunkBytes, length));
      }
    } else if (length > 0) {
      joined ??= Buffer.allocUnsafeSlow(chunkBytes);
      joined.set(bytes, filled);
      filled += length;
      freeIfOwned(piece);
    }
  }
  if (joined !== undefined) yield OwnedChunk.handOver(joined.subarray(0, filled));
}

function cut<C extends Chunk>(piece: C, start: number, end: number): C {
  const part = piece instanceof OwnedChunk ? piece.part(start, end) : piece.subarray(start, end);
  return part as C;
}
