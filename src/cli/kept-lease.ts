// Keeps a data directory open across the end of its lease. A restarting daemon, or a proxy with an
// idle time-out, cuts the stream of the lease. This file then acquires the lease again.
import { setTimeout as pause } from "node:timers/promises";
import { StoreError, type ErrorCode } from "../base/errors.js";
import type { CallOptions, Client, DataDirectoryLease } from "../client/index.js";

export interface KeptLease extends AsyncDisposable {
  /** The first lease. Its directory stays the same. */
  readonly first: DataDirectoryLease;
  /**
   * Resolves with the error when the lease cannot be acquired again. Resolves with undefined when
   * the lease was released by disposal or by the caller's signal.
   */
  readonly lost: Promise<StoreError | undefined>;
  /**
   * Resolves at once while the lease is held. Otherwise it resolves when the lease is held again,
   * or with the error when it is lost. A lease that is held again proves that nobody deleted the
   * snapshot in the meantime.
   */
  outcome(): Promise<StoreError | undefined>;
}

interface KeptLeaseOptions {
  readonly request: { readonly ref: string; readonly force: boolean };
  readonly call: CallOptions;
  /** Prints one line about an interrupted lease, and one line when it is held again. */
  readonly warn: (line: string) => void;
}

/**
 * Longest time for which this tries to acquire the lease again. It suffices for a daemon to stop
 * and start.
 */
export const retryForMs = 60_000;
const firstPauseMs = 100;
const longestPauseMs = 2000;

/** Errors that do not change, however often the daemon is asked. */
const final: ReadonlySet<ErrorCode> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
  "UNIMPLEMENTED",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
]);

export async function keepLease(client: Client, options: KeptLeaseOptions): Promise<KeptLease> {
  const { call, warn } = options;
  const first = await client.openDataDirectory(options.request, call);
  let lease = first;
  const released = new AbortController();
  const { signal } = released;
  const isReleased = (): boolean => signal.aborted || call.signal?.aborted === true;
  const release = (): void => released.abort();
  call.signal?.addEventListener("abort", release, { once: true });

  const reacquire = async (): Promise<StoreError | undefined> => {
    try {
      const again = await acquireAgain(client, first, call, signal);
      if (again === undefined) return undefined;
      lease = again;
      warn("the lease is held again: nobody has deleted or replaced the snapshot");
      return undefined;
    } catch (failure) {
      return isReleased() ? undefined : lostError(first, failure);
    }
  };
  let outcome: Promise<StoreError | undefined> = Promise.resolve(undefined);
  const keep = async (): Promise<StoreError | undefined> => {
    for (;;) {
      const error = await lease.closed;
      if (isReleased()) return undefined;
      warn(
        `the lease has ended${error === undefined ? "" : `: ${error.text}`}; trying for up to ` +
          `${retryForMs / 1000} s to acquire it again. Until then nothing protects the files: ` +
          "others can delete or replace the snapshot",
      );
      outcome = reacquire();
      const loss = await outcome;
      if (loss !== undefined || isReleased()) return loss;
    }
  };
  const lost = keep();
  return {
    first,
    lost,
    outcome: () => outcome,
    async [Symbol.asyncDispose]() {
      release();
      call.signal?.removeEventListener("abort", release);
      await lease[Symbol.asyncDispose]();
      await lost;
      // The lease may have been acquired again in the meantime.
      await lease[Symbol.asyncDispose]();
    },
  };
}

/**
 * Acquires the lease by the snapshot's id, which no other snapshot ever has. If this succeeds, the
 * data has existed all the time. Returns undefined if the lease was released in the meantime.
 */
async function acquireAgain(
  client: Client,
  { directory, config }: DataDirectoryLease,
  call: CallOptions,
  released: AbortSignal,
): Promise<DataDirectoryLease | undefined> {
  const endMs = performance.now() + retryForMs;
  // The command keeps reading the same snapshot even if damage has been found in it.
  const request = { ref: config?.id ?? "", force: true };
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    if (released.aborted) return undefined;
    try {
      // A daemon that accepts the call and does not answer must not extend the time limit.
      const leftMs = Math.max(1, endMs - performance.now());
      const timeoutMs = Math.min(call.timeoutMs ?? leftMs, leftMs);
      const lease = await client.openDataDirectory(request, {
        ...call,
        timeoutMs,
        signal: released,
      });
      if (lease.directory === directory) return lease;
      await lease[Symbol.asyncDispose]();
      const message = `the data directory has moved from ${directory} to ${lease.directory}`;
      throw new StoreError("SNAPSHOT_NOT_FOUND", message);
    } catch (error) {
      const isFinal = !(error instanceof StoreError) || final.has(error.code);
      if (isFinal || performance.now() + pauseMs > endMs) throw error;
    }
    await pause(pauseMs, undefined, { signal: released }).catch(() => undefined);
  }
}

function lostError({ config }: DataDirectoryLease, cause: unknown): StoreError {
  const why = cause instanceof StoreError ? cause.text : String(cause);
  const reason = cause instanceof StoreError ? cause.reason : "INTERNAL";
  const message = `the lease on ${config?.id ?? "the snapshot"} is lost, and its files may be removed: ${why}`;
  return new StoreError(reason, message, { cause, hint: "Stop what still reads them" });
}
