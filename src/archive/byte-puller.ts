// Pulls a byte stream by hand: an abort is noticed while a pull is pending, and closing a source
// that hangs does not hang.
import type { OwnedChunk, OwnedStream } from "../wire/chunk.js";

export interface BytePuller {
  /** The next chunk that is not empty, or undefined at the end. Not to be called concurrently. */
  next(): Promise<OwnedChunk | undefined>;
  /** Ends the source unless it has ended, and a pending `next` with it. Idempotent. */
  close(): Promise<void>;
}

interface PendingPull {
  readonly resolve: (result: IteratorResult<OwnedChunk>) => void;
  readonly reject: (reason: unknown) => void;
}

export function openBytePuller(source: OwnedStream, signal: AbortSignal | undefined): BytePuller {
  const iterator = source[Symbol.asyncIterator]();
  let pending: PendingPull | undefined;
  /** True while the source owes an answer, also when nobody waits for it any more. */
  let asked = false;
  let ended = false;
  let closed = false;
  const abort = (): void => pending?.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });

  // Not Promise.race against one long-lived promise: each race would leave a reaction behind.
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
      // The source only served us: how its clean-up fails is no news to the reader.
      const returned = Promise.resolve(iterator.return?.()).catch(() => undefined);
      // While it owes an answer a generator queues the return behind it, perhaps for ever.
      if (!asked) await returned;
    },
  };
}
