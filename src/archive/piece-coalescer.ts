// Joins small pieces of a byte stream into larger ones. Large pieces pass through unchanged.
import { OwnedChunk, type OwnedStream } from "../wire/chunk.js";

/** Pieces of this size or more are not copied. */
const passThroughBytes = 64 * 1024;
const bufferBytes = 256 * 1024;

export async function* coalesce(source: OwnedStream): AsyncGenerator<OwnedChunk, void, undefined> {
  let buffer: Buffer | undefined;
  let filled = 0;
  const takeJoined = (joined: Buffer): OwnedChunk => {
    const chunk = OwnedChunk.handOver(joined.subarray(0, filled));
    buffer = undefined;
    filled = 0;
    return chunk;
  };
  for await (const piece of source) {
    if (piece.length >= passThroughBytes) {
      if (buffer !== undefined) yield takeJoined(buffer);
      yield piece;
      continue;
    }
    for (let rest = piece.bytes; rest.length > 0;) {
      buffer ??= Buffer.allocUnsafeSlow(bufferBytes);
      const taken = rest.subarray(0, bufferBytes - filled);
      buffer.set(taken, filled);
      filled += taken.length;
      rest = rest.subarray(taken.length);
      if (rest.length === 0) piece.free();
      if (filled === bufferBytes) yield takeJoined(buffer);
    }
  }
  if (buffer !== undefined) yield takeJoined(buffer);
}
