// Lets reads through between the commits of many writers. A commit waits for its fsync on the main
// thread, which takes 100 ms and more on a slow disk. Without turns, the commits of forty callers
// would follow each other directly, and every read would wait for all of them.
//
// - A writer waits for its turn (`take`), and commits before it awaits anything else. Checks that
//   the commit depends on follow the wait.
// - Between two turns the event loop handles pending events. After a slow commit, the next turn
//   begins only after a pause.
// - Turns are granted in the order of arrival. If no writer is waiting, a turn is granted at once.
import { isStoreError } from "../../base/errors.js";

/** Commits below this time need no pause: one round of the event loop is enough. */
const slowMs = 10;
/**
 * The pause after a slow commit, as a fraction of the commit's time. With a quarter, each commit
 * and its pause take 25 percent longer than the commit alone.
 */
const pauseShare = 1 / 4;
const maxPauseMs = 100;

export class CommitTurns {
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  /** Writers that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the writer has its turn. Never rejects. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#busy) return;
      this.#busy = true;
      this.#grant();
    });
  }

  #grant(): void {
    const grant = this.#waiting.shift();
    if (grant === undefined) {
      this.#busy = false;
      return;
    }
    const begin = performance.now();
    grant();
    // The writer commits in a microtask, and therefore before this callback runs.
    setImmediate(() => {
      const tookMs = performance.now() - begin;
      if (tookMs < slowMs) this.#grant();
      else setTimeout(() => this.#grant(), Math.min(tookMs * pauseShare, maxPauseMs));
    });
  }
}

/**
 * Returns whether the disk failed during the commit. Only a restart shows whether the record
 * exists.
 */
export function commitUnknown(error: unknown): boolean {
  return isStoreError(error) && error.metadata["commit"] === "unknown";
}
