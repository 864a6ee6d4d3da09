// Provides the clocks of a machine, which a test can set.
import { systemClock, type Clock } from "../../src/base/clock.js";

export interface SteppedClock extends Clock {
  /** Moves the wall clock by `ms`, as an operator who sets it does. */
  step(ms: number): void;
  /** Moves the wall clock and the time since boot forward by `ms`, but not `monotonicMs`. */
  pass(ms: number): void;
  /** Turns the machine off for `offMs`. Afterwards the wall clock has an error of `stepMs`. */
  reboot(offMs: number, stepMs?: number): void;
}

export function steppedClock(): SteppedClock {
  const startedMs = performance.now();
  let [wallMs, bootMs, boots] = [Date.now(), 7 * 24 * 3600_000, 0];
  const sinceStartMs = (): number => performance.now() - startedMs;
  return {
    now: () => new Date(wallMs + sinceStartMs()),
    monotonicMs: systemClock.monotonicMs,
    boot: () => ({ id: `boot ${boots}`, elapsedMs: bootMs + sinceStartMs() }),
    step: (ms) => void (wallMs += ms),
    pass: (ms) => {
      wallMs += ms;
      bootMs += ms;
    },
    reboot: (offMs, stepMs = 0) => {
      wallMs += offMs + stepMs;
      bootMs = -sinceStartMs();
      boots += 1;
    },
  };
}
