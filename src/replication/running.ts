// Follows a running transfer: yields its progress twice a second, then its result.
import { StoreError } from "../base/errors.js";
import { followRun, type FollowedRun, type RunEvent } from "../base/follow-run.js";
import type { TransferCounters } from "./fetch.js";

/** A transfer that has begun. */
export type RunningTransfer<T> = FollowedRun<T, TransferCounters>;

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
 * Yields the progress and the result, as `followRun` describes. If the caller leaves its loop
 * early, the transfer is cancelled.
 */
export function followTransfer<T>(
  run: RunningTransfer<T>,
  look?: () => void,
): AsyncGenerator<RunEvent<T, TransferCounters>, void, undefined> {
  return followRun(run, transferCancelled, look);
}

export function transferCancelled(): StoreError {
  return new StoreError("CALL_CANCELLED", "the transfer was cancelled", {
    hint: "Call again to continue where it stopped, unless its data was discarded",
  });
}
