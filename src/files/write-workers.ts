// Manages the threads that hash and write the data of large files, and of files over a base, while
// the main thread receives more.
import { availableParallelism } from "node:os";
import { openWriteLane, type WriteLane } from "./write-lane.js";
import { WriteThread } from "./write-thread.js";
import type { LaneBase } from "./write-worker-messages.js";

export interface WriteWorkers extends AsyncDisposable {
  /** Opens a lane for a file. `fd` must stay open until the lane is idle. */
  openLane(fd: number, path: string, base?: LaneBase): WriteLane;
}

/**
 * Default number of workers. The main thread needs a core too, and four threads write faster than
 * any disk.
 */
const defaultWorkers = Math.min(4, Math.max(1, availableParallelism() - 1));

/**
 * Returns workers that each start when they are first needed, because a thread takes about 10 MB.
 */
export function openWriteWorkers(maxWorkers: number = defaultWorkers): WriteWorkers {
  const threads: WriteThread[] = [];
  let opened = 0;
  return {
    openLane: (fd, path, base) => {
      const index = opened++ % maxWorkers;
      const living = threads[index];
      const thread =
        living?.failure === undefined && living !== undefined ? living : new WriteThread();
      threads[index] = thread;
      return openWriteLane(thread, fd, path, base);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}
