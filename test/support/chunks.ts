// Owned chunks for tests, and all bytes of a stream of either kind.
import { bytesOf, OwnedChunk, type Chunk, type OwnedStream } from "../../src/wire/chunk.js";

/** A chunk of bytes that the test continues to use. */
export function chunkOf(bytes: Uint8Array): OwnedChunk {
  return OwnedChunk.copyOf(bytes);
}

/** The same bytes as owned chunks. */
export async function* owned(stream: AsyncIterable<Uint8Array>): OwnedStream {
  for await (const bytes of stream) yield OwnedChunk.copyOf(bytes);
}

/** All bytes, copied chunk by chunk: a borrowed chunk is only valid until the next is requested. */
export async function collect(stream: AsyncIterable<Chunk>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const chunk of stream) pieces.push(Buffer.from(bytesOf(chunk)));
  return Buffer.concat(pieces);
}
