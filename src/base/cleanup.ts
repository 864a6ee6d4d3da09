// Undoing in reverse order: what AsyncDisposableStack is, which Node 20 does not have.

export interface Cleanup extends AsyncDisposable {
  /** Runs `action` when closing, before everything deferred earlier. */
  defer(action: () => void | Promise<void>): void;
  /** Hands all actions to the caller; disposing this one then does nothing. */
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

/** Runs every action even if one fails; the first failure is thrown at the end. */
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
