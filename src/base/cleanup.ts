// Runs cleanup actions in reverse order, like AsyncDisposableStack, which Node 20 lacks.

export interface Cleanup extends AsyncDisposable {
  /** Registers `action`. On disposal it runs before all actions that were registered earlier. */
  defer(action: () => void | Promise<void>): void;
  /**
   * Returns a function that runs all actions. The caller decides when to call it. Disposing of this
   * object then has no effect.
   */
  release(): () => Promise<void>;
}

export function createCleanup(): Cleanup {
  let actions: (() => void | Promise<void>)[] = [];
  const release = (): (() => Promise<void>) => {
    const released = actions;
    actions = [];
    return () => runBackwards(released);
  };
  return {
    defer: (action) => {
      actions.push(action);
    },
    release,
    [Symbol.asyncDispose]: () => release()(),
  };
}

/** Runs every action even if one fails, and throws the first failure at the end. */
async function runBackwards(actions: (() => void | Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (let action = actions.pop(); action !== undefined; action = actions.pop()) {
    try {
      await action();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
