// Work of the daemon's own that is due from time to time.
import { setTimeout as delay } from "node:timers/promises";

export interface Schedule extends AsyncDisposable {
  /** Nothing begins any more, and what runs is asked to end. Disposing also waits for that. */
  end(): void;
}

/** A longer timer would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** One run at a time. `untilDueMs` is asked at the start and after each run. `work` must not throw. */
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
