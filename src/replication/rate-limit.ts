// Limits bytes per second, for one transfer or for all of a node.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../base/clock.js";

export interface RateLimit {
  /** Waits until this many bytes may have been received. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/** Unused capacity older than this expires. */
const burstMs = 200;

/** 0 = no limit. Several users share it in the order of their requests. */
export function createRateLimit(bytesPerSecond: number, clock: Clock): RateLimit {
  let dueMs = Number.NEGATIVE_INFINITY;
  return {
    take: async (bytes, signal) => {
      if (bytesPerSecond === 0) return;
      const nowMs = clock.monotonicMs();
      dueMs = Math.max(dueMs, nowMs - burstMs) + (bytes / bytesPerSecond) * 1000;
      const waitMs = dueMs - nowMs;
      if (waitMs > 1) await delay(waitMs, undefined, { signal });
    },
  };
}
