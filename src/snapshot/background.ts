// Work that no caller waits for: it is counted, its failures are logged, and closing waits for it.
import type { Logger } from "../base/logger.js";

export interface Background {
  /** Fires when closing begins. */
  readonly closing: AbortSignal;
  run(name: string, work: () => Promise<void>): void;
  /** Waits for what runs; later work is not started any more. */
  close(): Promise<void>;
}

export function createBackground(logger: Logger): Background {
  const controller = new AbortController();
  const running = new Set<Promise<void>>();
  const run = (name: string, work: () => Promise<void>): void => {
    if (controller.signal.aborted) return;
    const task = guard(name, work, logger).finally(() => running.delete(task));
    running.add(task);
  };
  const close = async (): Promise<void> => {
    controller.abort(new Error("the store is closing"));
    await Promise.all(running);
  };
  return { closing: controller.signal, run, close };
}

async function guard(name: string, work: () => Promise<void>, logger: Logger): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.error({ err: error, work: name }, "background work failed");
  }
}
