// Types and helpers shared by all floors that move bytes.

/**
 * A stream of bytes. A chunk is valid only until the next one is requested, unless said otherwise.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Throws the signal's reason if it has fired. Long work calls this between two steps. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}
