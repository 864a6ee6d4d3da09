// Calls that go on for long are asked again, while they run, whether they still may.

export interface Rechecks extends Disposable {
  /** `check` is run now and then until the result is called; it must not throw. */
  add(check: () => void): () => void;
}

/** Of an interval: thousands of checks in one go would hold up the event loop. */
const steps = 20;

/** Each check is run about once in `intervalMs`. */
export function createRechecks(intervalMs: number): Rechecks {
  /** The one whose turn it is first. */
  const checks = new Set<() => void>();
  const timer = setInterval(() => {
    let due = Math.ceil(checks.size / steps);
    for (const check of checks) {
      if (due-- === 0) break;
      // Behind the others; a check may also end itself.
      checks.delete(check);
      checks.add(check);
      check();
    }
  }, intervalMs / steps);
  timer.unref();
  return {
    add(check) {
      checks.add(check);
      return () => void checks.delete(check);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
