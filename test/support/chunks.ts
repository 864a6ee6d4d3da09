// Makes owned chunks for tests, and collects the bytes of a stream of either kind.
import { bytesOf, OwnedChunk, type Chunk, type OwnedStream } from "../../src/wire/chunk.js";

/** Returns a chunk whose bytes the test may continue to use. */
export function chunkOf(bytes: Uint8Array): OwnedChunk {
  return OwnedChunk.copyOf(bytes);
}

/** Yields the same bytes as owned chunks. */
export async function* owned(stream: AsyncIterable<Uint8Array>): OwnedStream {
  for await (const bytes of stream) yield OwnedChunk.copyOf(bytes);
}

/**
 * Returns all bytes. Each chunk is copied, because a borrowed chunk is valid only until the next
 * one is requested.
 */
export async function collect(stream: AsyncIterable<Chunk>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const chunk of stream) pieces.push(Buffer.from(bytesOf(chunk)));
  return Buffer.concat(pieces);
}
