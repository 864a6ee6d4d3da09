// Checks repeatedly, while a long call runs, whether its caller still has the right to it.

export interface Rechecks extends Disposable {
  /** Runs `check` periodically until the result is called. `check` must not throw. */
  add(check: () => void): () => void;
}

/**
 * The checks of an interval are spread over this fraction of it, because thousands at once would
 * block the event loop.
 */
const steps = 20;

/** Each check is run about once in `intervalMs`. */
export function createRechecks(intervalMs: number): Rechecks {
  /** The next check to run is first. */
  const checks = new Set<() => void>();
  const timer = setInterval(() => {
    let due = Math.ceil(checks.size / steps);
    for (const check of checks) {
      if (due-- === 0) break;
      // Moves behind the others. A check may also end itself.
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
