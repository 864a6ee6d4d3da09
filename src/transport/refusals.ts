// Limits the rate of refusals. A caller that ignores RetryInfo and retries at once would keep the
// daemon busy with refusals. So beyond a rate, the daemon delays the refusals of an identity, which
// slows the callers of that identity.
import { setTimeout as pause } from "node:timers/promises";
import type { Identity } from "../model/access.js";

export interface Refusals {
  /** Resolves when the refusal may be answered, or the call has ended. Never rejects. */
  delay(identity: Identity | undefined, signal: AbortSignal): Promise<void>;
}

const everyMs = 10;
/** The number of refusals that are not delayed, after a second without refusals. */
const atOnce = 100;
const maxWaitMs = 5000;

export function createRefusals(): Refusals {
  /** Time of the next refusal at the steady rate, by identity. */
  const nextMs = new Map<string, number>();
  return {
    async delay(identity, signal) {
      const key = identity === undefined || identity.shared === true ? "" : identity.name;
      const now = performance.now();
      const dueMs = Math.max(nextMs.get(key) ?? 0, now);
      const waitMs = Math.min(dueMs - now - atOnce * everyMs, maxWaitMs);
      if (waitMs < maxWaitMs) nextMs.set(key, dueMs + everyMs);
      if (waitMs <= 0) return;
      await pause(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    },
  };
}
