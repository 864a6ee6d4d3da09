// Limits bytes or requests per second, for one user or for several users together.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "./clock.js";

export interface RateLimit {
  /** Waits until the limit allows the use of `amount`. */
  take(amount: number, signal: AbortSignal): Promise<void>;
}

/** Unused capacity that is older than this expires. */
const burstMs = 200;

/**
 * Returns a limit; 0 means no limit. Several users share the limit in the order of their requests.
 */
export function createRateLimit(perSecond: number, clock: Pick<Clock, "monotonicMs">): RateLimit {
  let dueMs = Number.NEGATIVE_INFINITY;
  return {
    take: async (amount, signal) => {
      if (perSecond === 0) return;
      const nowMs = clock.monotonicMs();
      dueMs = Math.max(dueMs, nowMs - burstMs) + (amount / perSecond) * 1000;
      const waitMs = dueMs - nowMs;
      if (waitMs > 1) await delay(waitMs, undefined, { signal });
    },
  };
}
