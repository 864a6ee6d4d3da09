// Alerts operators when the wall clock becomes suspect, and when it is trusted again.
import { describeDoubt, isSuspect, suspectGraceMs } from "../../model/elapsed.js";
import type { Reader } from "./ports.js";

export interface ClockStatus {
  /** Whether ages are uncertain. If they are, the schedule evicts nothing by age. */
  readonly suspect: boolean;
  /** Difference between the wall clock and elapsed time; 0 if they agree. */
  readonly aheadMs: number;
  /**
   * Time until the clock is trusted, if nobody sets the clock before then. Undefined if the clock
   * is not suspect.
   */
  readonly trustedAfterMs: number | undefined;
}

export function clockStatus({ catalog }: Pick<Reader, "catalog">): ClockStatus {
  const doubt = catalog.clockDoubt();
  const aheadMs = doubt?.aheadMs ?? 0;
  if (!isSuspect(doubt)) return { suspect: false, aheadMs, trustedAfterMs: undefined };
  const lastedMs = catalog.elapsedMs() - doubt.sinceMs;
  return { suspect: true, aheadMs, trustedAfterMs: Math.max(0, suspectGraceMs - lastedMs) };
}

/** Returns a function to call periodically. It reads the clocks, saves them, and logs changes. */
export function createClockAlarm({
  catalog,
  logger,
}: Pick<Reader, "catalog" | "logger">): () => void {
  let told = false;
  return () => {
    const doubt = catalog.clockDoubt();
    if (isSuspect(doubt)) {
      // Log the doubt only once, because a clock that is set again and again would fill the log.
      if (!told) {
        const action = "nothing is evicted by age until it is set right or trusted (stasis info)";
        logger.warn({ aheadMs: doubt.aheadMs }, `${describeDoubt(doubt)}: ${action}`);
      }
      told = true;
    } else if (told) {
      logger.info("the wall clock is trusted again");
      told = false;
    }
    try {
      catalog.noteClock();
    } catch (error) {
      // Saving fails on a full disk. The value that was saved before is still good enough.
      logger.debug({ err: error }, "could not save the clock");
    }
  };
}
