// Defines types for the ownership of a stream's bytes. The holder of an `OwnedChunk` may keep,
// transfer or free its bytes. The holder of a `BorrowedChunk` may only read the bytes, and only
// until the next chunk is requested.
//
// Invariants:
// - A function that keeps bytes after it has returned takes an `OwnedChunk`. The compiler then
//   refuses borrowed bytes there. `OwnedChunk.copyOf` makes an owned chunk of borrowed bytes.
// - `part` cuts a chunk. The part at the end takes over the memory of the whole chunk. Its receiver
//   must finish the earlier parts before it transfers or frees the memory. All consumers here
//   handle the parts of a chunk in order.
// - Code that passes a chunk on must not look at its bytes afterwards.
import type { ByteStream } from "../base/async.js";

/** Bytes that are valid until the next chunk is requested. Any `Uint8Array` counts as borrowed. */
export type BorrowedChunk = Uint8Array;

export type Chunk = OwnedChunk | BorrowedChunk;

/** A stream whose consumer owns each chunk. A stream of borrowed chunks is a `ByteStream`. */
export type OwnedStream = AsyncIterable<OwnedChunk>;

/**
 * Memory up to this size is left to the collector, because freeing it explicitly costs more. Node's
 * pool for small Buffers must never be transferred, and this is its maximum size: 8 KiB, and 64 KiB
 * from Node 24 on.
 */
const maxUnownedBytes = 64 * 1024;

export class OwnedChunk {
  readonly bytes: Uint8Array;
  /**
   * The memory, which may be transferred or freed together with the bytes. Undefined if others use
   * it too.
   */
  #memory: ArrayBuffer | undefined;

  private constructor(bytes: Uint8Array, memory: ArrayBuffer | undefined) {
    this.bytes = bytes;
    this.#memory = memory;
  }

  /**
   * Transfers all of the memory under `bytes` to the new chunk. Nobody else may use the memory from
   * now on.
   */
  static handOver(bytes: Uint8Array): OwnedChunk {
    const { buffer } = bytes;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength > maxUnownedBytes;
    return new OwnedChunk(bytes, isWhole && !isPool(buffer) ? buffer : undefined);
  }

  /**
   * Makes a chunk of bytes that never change, in memory that others use too, such as the output of
   * zlib. The holder may keep the bytes; freeing them has no effect.
   */
  static constant(bytes: Uint8Array): OwnedChunk {
    return new OwnedChunk(bytes, undefined);
  }

  static copyOf(bytes: BorrowedChunk): OwnedChunk {
    const copy = Buffer.allocUnsafeSlow(bytes.length);
    copy.set(bytes);
    return OwnedChunk.handOver(copy);
  }

  get length(): number {
    return this.bytes.length;
  }

  /**
   * Returns the bytes from `start` to `end`. A part that ends where the chunk ends takes the
   * memory.
   */
  part(start: number, end: number): OwnedChunk {
    if (start === 0 && end === this.bytes.length) return this;
    const memory = end === this.bytes.length ? this.takeMemory() : undefined;
    return new OwnedChunk(this.bytes.subarray(start, end), memory);
  }

  /**
   * Returns the memory under the bytes, for a transfer. Undefined if others use the memory too, or
   * if it was taken before.
   */
  takeMemory(): ArrayBuffer | undefined {
    const memory = this.#memory;
    this.#memory = undefined;
    return memory;
  }

  /** Frees the memory, unless others use it too. The bytes must not be used afterwards. */
  free(): void {
    const memory = this.takeMemory();
    if (memory !== undefined) freeMemory(memory);
  }
}

export function bytesOf(chunk: Chunk): Uint8Array {
  return chunk instanceof OwnedChunk ? chunk.bytes : chunk;
}

/** Frees the chunk if it is owned. Leaves a borrowed chunk to its owner. */
export function freeIfOwned(chunk: Chunk): void {
  if (chunk instanceof OwnedChunk) chunk.free();
}

/**
 * Passes borrowed chunks to a consumer, and frees each chunk when the consumer requests the next
 * one.
 */
export async function* lend(chunks: OwnedStream): ByteStream {
  for await (const chunk of chunks) {
    yield chunk.bytes;
    chunk.free();
  }
}

/** Returns whether the memory is Node's pool. The program may have raised `Buffer.poolSize`. */
function isPool(memory: ArrayBuffer): boolean {
  return memory.byteLength === Buffer.poolSize;
}

/**
 * A port whose other end nobody reads, so that memory that is transferred to it is freed at once.
 */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Frees memory that nobody will use again; views of it are empty afterwards. The collector would
 * only run once 32 MB have accumulated. Every buffer would then be new memory that no processor
 * cache holds, and with many streams each 200 MB would cost a full collection.
 */
export function freeMemory(memory: ArrayBuffer): void {
  nowhere.postMessage(undefined, [memory]);
}

/** Frees the memory under `bytes` if it holds nothing else. */
export function freeWhole(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // Small Buffers share their memory with others.
  if (buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength) freeMemory(buffer);
}
