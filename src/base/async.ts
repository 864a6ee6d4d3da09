// Small shapes shared by all floors that move bytes.

/** A stream of bytes. A chunk is only valid until the next one is asked for, unless said otherwise. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Throws the signal's reason when it has fired: called between two steps of long work. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}
