// Starts a piece of work, and follows it: yields its progress twice a second, then its result.
import { reasonOfError, type ErrorReason } from "./errors.js";

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

/**
 * Starts work that the caller's signal, or the controller of the run, can abort. After that the
 * outcome is the reason of the abort, because an aborted wait throws an error of its own. `onEnd`
 * is called before `ended` resolves, with the reason of the error or OK and the result.
 */
export function startRun<T, C extends object>(
  counters: C,
  caller: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  onEnd: (reason: ErrorReason | "OK", result: T | undefined) => void,
): FollowedRun<T, C> {
  const controller = new AbortController();
  const signal = AbortSignal.any([caller, controller.signal]);
  const outcome = work(signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  const ended = outcome.then(
    (result) => onEnd("OK", result),
    (error: unknown) => onEnd(reasonOfError(error), undefined),
  );
  return { counters, controller, outcome, ended };
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
