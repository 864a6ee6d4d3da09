// Follows a running transfer: yields its progress twice a second, then its result.
import { StoreError } from "../base/errors.js";
import type { TransferCounters } from "./fetch.js";

const progressMs = 500;

/** A transfer that has begun. */
export interface RunningTransfer<T> {
  readonly counters: TransferCounters;
  readonly controller: AbortController;
  readonly outcome: Promise<T>;
  /** Resolves when everything of the transfer has ended. Never rejects. */
  readonly ended: Promise<void>;
}

type TransferEvent<T> =
  | { readonly kind: "progress"; readonly progress: TransferCounters }
  | { readonly kind: "result"; readonly result: T };

/** The state of a transfer, for lists. */
export interface TransferStatus {
  /**
   * The id by which CancelTransfer finds the transfer: the digest of a pull, or the id of a push.
   */
  readonly id: string;
  readonly direction: "pull" | "push";
  readonly digest: string;
  /** The peer as named by the pull, or the name of the remote. */
  readonly source: string;
  readonly ref: string;
  readonly active: boolean;
  readonly progress: TransferCounters | undefined;
  readonly startedAt: Date;
}

/**
 * Yields the progress every 500 ms, then the final progress and the result. If the caller leaves
 * its loop early, the transfer is cancelled. `look` is called before each report except the final
 * ones.
 */
export async function* followTransfer<T>(
  { counters, controller, outcome, ended }: RunningTransfer<T>,
  look: () => void = () => undefined,
): AsyncGenerator<TransferEvent<T>, void, undefined> {
  try {
    while (!(await settledWithin(ended, progressMs))) {
      look();
      yield { kind: "progress", progress: { ...counters } };
    }
    const result = await outcome;
    yield { kind: "progress", progress: { ...counters } };
    yield { kind: "result", result };
  } finally {
    controller.abort(transferCancelled());
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

export function transferCancelled(): StoreError {
  return new StoreError("CALL_CANCELLED", "the transfer was cancelled", {
    hint: "Call again to continue where it stopped, unless its data was discarded",
  });
}
