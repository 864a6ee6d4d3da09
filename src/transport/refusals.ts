// Limits the rate of refusals. A caller that retries at once, whatever RetryInfo says, would make
// the daemon do nothing but refuse. So beyond a rate the refusals of an identity are delayed, and
// its callers with them.
import { setTimeout as pause } from "node:timers/promises";
import type { Identity } from "../model/access.js";

export interface Refusals {
  /** Resolves when the refusal may be answered, or the call has ended. Never rejects. */
  delay(identity: Identity | undefined, signal: AbortSignal): Promise<void>;
}

const everyMs = 10;
/** Refusals without a delay, if there were none for a second. */
const atOnce = 100;
const maxWaitMs = 5000;

export function createRefusals(): Refusals {
  /** When the next refusal is due at the steady rate. */
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
