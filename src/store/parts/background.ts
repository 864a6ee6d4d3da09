// Runs work that changes the store, whether or not a caller waits for it. Closing the store waits
// for all of this work.
import { StoreError } from "../../base/errors.js";
import type { Logger } from "../../base/logger.js";

export interface Background {
  /** Fires when closing begins. */
  readonly closing: AbortSignal;
  /** Runs work that no caller waits for. Its failures are logged. */
  run(name: string, work: () => Promise<void>): void;
  /** Runs work that a caller waits for. Throws DRAINING once closing has begun. */
  operation<T>(work: () => Promise<T>): Promise<T>;
  /** Waits for running work. Work that is requested later does not start. */
  close(): Promise<void>;
}

export function createBackground(logger: Logger): Background {
  const controller = new AbortController();
  const running = new Set<Promise<unknown>>();
  const run = (name: string, work: () => Promise<void>): void => {
    if (controller.signal.aborted) return;
    const task = guard(name, work, logger).finally(() => running.delete(task));
    running.add(task);
  };
  const operation = <T>(work: () => Promise<T>): Promise<T> => {
    if (controller.signal.aborted) return Promise.reject(closingError());
    const task = work().finally(() => running.delete(task));
    running.add(task);
    return task;
  };
  const close = async (): Promise<void> => {
    controller.abort(new Error("the store is closing"));
    await Promise.allSettled(running);
  };
  return { closing: controller.signal, run, operation, close };
}

/** Returns the error for calls to a store that is closing. */
export function closingError(): StoreError {
  return new StoreError("DRAINING", "the daemon is shutting down", {
    hint: "Try again when it is up",
  });
}

async function guard(name: string, work: () => Promise<void>, logger: Logger): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.error({ err: error, work: name }, "background work failed");
  }
}
