// The machine's clocks, which a test can set.
import { systemClock, type Clock } from "../../src/base/clock.js";

export interface SteppedClock extends Clock {
  /** An operator sets the wall clock. */
  step(ms: number): void;
  /** This much time passes at once, on all clocks. */
  pass(ms: number): void;
  /** The machine is off for `offMs`. Its wall clock comes back with an error of `stepMs`. */
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
