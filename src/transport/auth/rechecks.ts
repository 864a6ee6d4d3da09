// Calls that go on for long are asked again, while they run, whether they still may.

export interface Rechecks extends Disposable {
  /** `check` is run now and then until the result is called; it must not throw. */
  add(check: () => void): () => void;
}

export function createRechecks(intervalMs: number): Rechecks {
  const checks = new Set<() => void>();
  const timer = setInterval(() => {
    for (const check of [...checks]) check();
  }, intervalMs);
  timer.unref();
  return {
    add(check) {
      checks.add(check);
      return () => void checks.delete(check);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
