// Checks repeatedly, while a long call runs, whether its caller may still make the call.

export interface Rechecks extends Disposable {
  /** Runs `check` periodically until the returned function is called. `check` must not throw. */
  add(check: () => void): () => void;
}

/**
 * The number of steps over which the checks of an interval are spread. Thousands of checks at once
 * would block the event loop.
 */
const steps = 20;

/**
 * Creates the rechecks. Each check runs about once in `intervalMs`, or more often if there are
 * fewer checks than steps.
 */
export function createRechecks(intervalMs: number): Rechecks {
  /** The checks in the order in which they will run. */
  const checks = new Set<() => void>();
  const timer = setInterval(() => {
    let due = Math.ceil(checks.size / steps);
    for (const check of checks) {
      if (due-- === 0) break;
      // The check moves behind the others before it runs, because a check may remove itself.
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
