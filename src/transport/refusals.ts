// How soon a refused call learns of it. Who comes again at once, whatever RetryInfo says, would have the daemon do
// nothing but refuse: beyond a rate the answers of an identity wait their turn, and with them who waits for them.
import { setTimeout as pause } from "node:timers/promises";
import type { Identity } from "../model/access.js";

export interface Refusals {
  /** Resolves when the refusal may be answered, or the call has ended. Never rejects. */
  turn(identity: Identity | undefined, signal: AbortSignal): Promise<void>;
}

const everyMs = 10;
/** Answered at once, if there were none for a second. */
const atOnce = 100;
const maxWaitMs = 5000;

export function createRefusals(): Refusals {
  /** When the turn of the next one is, if none may be early. */
  const nextMs = new Map<string, number>();
  return {
    async turn(identity, signal) {
      const key = identity === undefined || identity.shared === true ? "" : identity.name;
      const now = performance.now();
      const turnMs = Math.max(nextMs.get(key) ?? 0, now);
      const waitMs = Math.min(turnMs - now - atOnce * everyMs, maxWaitMs);
      if (waitMs < maxWaitMs) nextMs.set(key, turnMs + everyMs);
      if (waitMs <= 0) return;
      await pause(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    },
  };
}
