// Small types and helpers shared by all code that moves bytes.

/**
 * A stream of bytes that its consumer borrows: a chunk is valid until the next one is requested,
 * unless the producer says otherwise. `OwnedStream` (wire/chunk.ts) hands its chunks over.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Throws the signal's reason when it has fired. Called between two steps of long work. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}

/**
 * Adds itself to `sleeping` and resolves when somebody calls the function there. Rejects with the
 * signal's reason.
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
