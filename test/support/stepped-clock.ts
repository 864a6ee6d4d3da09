// Provides the clocks of a machine, which a test can set.
import { systemClock, type Clock } from "../../src/base/clock.js";

export interface SteppedClock extends Clock {
  /** Sets the wall clock, as an operator does. */
  step(ms: number): void;
  /** Lets this much time pass at once, on all clocks. */
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
