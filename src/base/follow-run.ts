// Follows a running piece of work: yields its progress twice a second, then its result.

const progressMs = 500;

/** Work that has begun. */
export interface FollowedRun<T, C extends object> {
  /** The work adds to these counters. */
  readonly counters: C;
  readonly controller: AbortController;
  readonly outcome: Promise<T>;
  /** Resolves when everything of the work has ended. Never rejects. */
  readonly ended: Promise<void>;
}

export type RunEvent<T, C> =
  | { readonly kind: "progress"; readonly progress: C }
  | { readonly kind: "result"; readonly result: T };

/**
 * Yields the progress every 500 ms, then the final progress and the result. If the caller leaves
 * its loop early, the work is aborted with the reason that `cancelled` makes. `look` is called
 * before each report except the final ones.
 */
export async function* followRun<T, C extends object>(
  { counters, controller, outcome, ended }: FollowedRun<T, C>,
  cancelled: () => Error,
  look: () => void = () => undefined,
): AsyncGenerator<RunEvent<T, C>, void, undefined> {
  try {
    while (!(await settledWithin(ended, progressMs))) {
      look();
      yield { kind: "progress", progress: { ...counters } };
    }
    const result = await outcome;
    yield { kind: "progress", progress: { ...counters } };
    yield { kind: "result", result };
  } finally {
    controller.abort(cancelled());
    await ended;
  }
}

async function settledWithin(ended: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([ended.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
