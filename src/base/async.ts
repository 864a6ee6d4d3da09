// Defines small types and helpers that all code that moves bytes shares.

/**
 * A stream of bytes that its consumer borrows: a chunk is valid until the next one is requested,
 * unless the producer says otherwise. An `OwnedStream` (wire/chunk.ts) transfers the ownership of
 * its chunks instead.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/**
 * Throws the signal's reason if the signal has aborted. Call this between two steps of long work.
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}

/**
 * Adds a function to `sleeping` and resolves when somebody calls that function. Rejects with the
 * signal's reason if the signal aborts, and throws it if the signal has already aborted.
 */
export function untilWoken(sleeping: Set<() => void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const end = (then: () => void) => () => {
      sleeping.delete(wake);
      signal.removeEventListener("abort", fail);
      then();
    };
    const wake = end(resolve);
    const fail = end(() => reject(signal.reason as Error));
    sleeping.add(wake);
    signal.addEventListener("abort", fail, { once: true });
  });
}
