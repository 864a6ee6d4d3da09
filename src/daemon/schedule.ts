// Runs the daemon's own periodic work.
import { setTimeout as delay } from "node:timers/promises";

export interface Schedule extends AsyncDisposable {
  /**
   * Starts no further run, and asks the running one to end. Disposing also waits for that run to
   * end.
   */
  end(): void;
}

/** Longest delay of a timer. A longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Runs `work` each time it is due, and never two runs at once. Calls `untilDueMs` at the start and
 * after each run. `work` must not throw.
 */
export function startSchedule(
  untilDueMs: () => number,
  work: (signal: AbortSignal) => Promise<void>,
): Schedule {
  const ending = new AbortController();
  const { signal } = ending;
  const loop = async (): Promise<void> => {
    for (;;) {
      for (let leftMs = untilDueMs(); leftMs > 0; leftMs -= maxTimerMs) {
        await delay(Math.min(leftMs, maxTimerMs), undefined, { signal, ref: false });
      }
      signal.throwIfAborted();
      await work(signal);
    }
  };
  const ended = loop().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  const end = (): void => {
    ending.abort(new Error("the daemon stops"));
  };
  return {
    end,
    [Symbol.asyncDispose]: () => {
      end();
      return ended;
    },
  };
}
