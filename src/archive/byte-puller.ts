// Pulls a byte stream explicitly. An abort interrupts a pending pull, and closing does not wait for
// a source that hangs.
import type { OwnedChunk, OwnedStream } from "../wire/chunk.js";

export interface BytePuller {
  /**
   * Returns the next chunk that is not empty, or undefined at the end. Callers must wait for each
   * call before the next one.
   */
  next(): Promise<OwnedChunk | undefined>;
  /**
   * Ends the source unless it has ended, and ends a pending `next`. A second call has no effect.
   */
  close(): Promise<void>;
}

interface PendingPull {
  readonly resolve: (result: IteratorResult<OwnedChunk>) => void;
  readonly reject: (reason: unknown) => void;
}

export function openBytePuller(source: OwnedStream, signal: AbortSignal | undefined): BytePuller {
  const iterator = source[Symbol.asyncIterator]();
  let pending: PendingPull | undefined;
  /** True while a call to the source is pending, even if nobody waits for it any more. */
  let asked = false;
  let ended = false;
  let closed = false;
  const abort = (): void => pending?.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });

  // Promise.race against one long-lived promise would leave a reaction behind for each race.
  const pullOnce = (): Promise<IteratorResult<OwnedChunk>> =>
    new Promise((resolve, reject) => {
      pending = { resolve, reject };
      asked = true;
      iterator.next().then(
        (result) => {
          asked = false;
          resolve(result);
        },
        (error: unknown) => {
          asked = false;
          ended = true;
          reject(error);
        },
      );
    });

  return {
    async next() {
      while (!ended && !closed) {
        signal?.throwIfAborted();
        const result = await pullOnce();
        if (result.done === true) ended = true;
        else if (result.value.length > 0) return result.value;
      }
      return undefined;
    },
    async close() {
      if (closed) return;
      closed = true;
      signal?.removeEventListener("abort", abort);
      if (ended) return;
      pending?.resolve({ done: true, value: undefined });
      // The reader does not care whether the source fails to clean up.
      const returned = Promise.resolve(iterator.return?.()).catch(() => undefined);
      // A generator with a pending call queues the return behind it, possibly forever.
      if (!asked) await returned;
    },
  };
}
