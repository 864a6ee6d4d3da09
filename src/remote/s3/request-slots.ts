// Bounds the number of concurrent requests. Further requests wait in the order of their arrival.

export interface RequestSlots {
  /** Waits for a slot. Rejects with the signal's reason. */
  acquire(signal: AbortSignal): Promise<void>;
  /** Acquires a slot if one is free. Returns false if it would have to wait. */
  tryAcquire(): boolean;
  release(): void;
}

export function createRequestSlots(max: number): RequestSlots {
  let free = max;
  /** Waiting requests in the order of their arrival. */
  const waiting = new Set<() => void>();
  return {
    acquire(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const end = (then: () => void) => () => {
          waiting.delete(enter);
          signal.removeEventListener("abort", leave);
          then();
        };
        const enter = end(resolve);
        const leave = end(() => reject(signal.reason as Error));
        waiting.add(enter);
        signal.addEventListener("abort", leave, { once: true });
      });
    },
    tryAcquire() {
      if (free === 0) return false;
      free -= 1;
      return true;
    },
    release() {
      const [next] = waiting;
      if (next === undefined) free += 1;
      else next();
    },
  };
}
