// Abandons a peer that sends nothing but stays connected.
import { StoreError } from "../base/errors.js";

interface SilenceGuard extends Disposable {
  /** Fires when the caller's signal fires, or when the peer has been silent for too long. */
  readonly signal: AbortSignal;
  /** Call this when something has arrived. */
  heard(): void;
  /** Call this when nothing more is expected. */
  pause(): void;
  /** Returns the error to throw after a call with `signal` failed. */
  explain(error: unknown): unknown;
}

export function guardSilence(idleMs: number, caller: AbortSignal): SilenceGuard {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), idleMs);
  return {
    signal: AbortSignal.any([caller, silence.signal]),
    heard: () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), idleMs);
    },
    pause: () => clearTimeout(timer),
    explain: (error) => {
      if (caller.aborted) return caller.reason as unknown;
      if (!silence.signal.aborted) return error;
      return new StoreError("DAEMON_UNREACHABLE", `the peer was silent for ${idleMs / 1000} s`, {
        hint: "Call again: the received data is kept",
      });
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
