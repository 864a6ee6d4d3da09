// Defines the interfaces through which the floors below report their work. daemon/ decides which
// observers receive the reports. Nothing here may cost more than an addition per message.

/** Bytes of messages, without frames and compression. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
}

/** The counters of all calls of one method. The transport adds to them. */
export interface MethodTotals extends Traffic {
  /** Number of calls that run now. */
  active: number;
}

export interface CallObserver {
  /**
   * Returns the totals of a method such as `stasis.v1.SnapshotService/Create`. The result for a
   * method is always the same object.
   */
  totalsOf(method: string): MethodTotals;
  /** Reports that a call has ended with this status code, such as `NOT_FOUND`. */
  ended(method: string, code: string, seconds: number): void;
  /**
   * Reports that a call was refused, perhaps before it had begun. `limit` is the limit that the
   * call would exceed, if a limit was the reason.
   */
  refused(reason: string, limit: string | undefined): void;
}

/** An observer that ignores all reports, for servers that nobody observes. */
export const unobservedCalls: CallObserver = {
  totalsOf: () => ({ receivedBytes: 0, sentBytes: 0, active: 0 }),
  ended: () => undefined,
  refused: () => undefined,
};

/** One row of a collection. */
interface CollectedRow {
  readonly reasons: readonly string[];
  readonly outcome: string;
  readonly chargedBytes: number;
}

export interface StoreObserver {
  /** Reports that a transaction of the catalog has ended or failed. */
  committed(seconds: number): void;
  /** Reports that a collection has acted on this row. A dry run reports no rows. */
  collected(row: CollectedRow): void;
  /**
   * Reports that a collection has ended, with OK or the reason of its error. A dry run is not
   * reported.
   */
  collectionEnded(outcome: string): void;
  /**
   * Reports that a file in many extents was written again (OK), or the reason of the error that
   * prevented it.
   */
  rewritten(outcome: string): void;
}

export const unobservedStore: StoreObserver = {
  committed: () => undefined,
  collected: () => undefined,
  collectionEnded: () => undefined,
  rewritten: () => undefined,
};

/** Bytes of pulls. A running pull adds to them. */
export interface PullBytes {
  /** Bytes of data that is now stored here, whether they came from the source or not. */
  doneBytes: number;
  /** The part of `doneBytes` that a snapshot of this node already had. */
  reusedBytes: number;
  /** Bytes that came from peers and remotes, in compressed form. */
  sentBytes: number;
}

export interface AutoPushObserver {
  /** Reports that an automatic push has ended, with OK or the reason of its error. */
  autoPushed(remote: string, outcome: string): void;
  /**
   * Reports what happened to an old copy: `deleted`, `missing`, or `held`, because a node depends
   * on it.
   */
  autoPushRemoved(remote: string, outcome: string): void;
}

export const unobservedAutoPushes: AutoPushObserver = {
  autoPushed: () => undefined,
  autoPushRemoved: () => undefined,
};

export interface PullObserver {
  /** Reports that a pull or a healing has ended, with OK or the reason of its error. */
  pulled(kind: "pull" | "heal", outcome: string, bytes: PullBytes): void;
}

export const unobservedPulls: PullObserver = { pulled: () => undefined };

/** The five kinds of requests to an object store. */
export type RemoteRequestKind = "put" | "get" | "head" | "delete" | "list";

/**
 * The outcome of one HTTP request. The store may have applied a request whose outcome is not `ok`.
 */
export type RemoteAttempt =
  | "ok"
  | "missing"
  /** The answer was 429 or 503: the store asks for fewer requests. */
  | "throttled"
  /** The answer was another error that may not occur the next time. */
  | "failed"
  | "refused"
  /** The answer was cut off, or is not an answer to the request. */
  | "invalid"
  | "timeout"
  /** There was no connection, or the connection broke. */
  | "disconnected"
  /** The caller, or the other one of two hedged requests, ended the request. */
  | "cancelled";

export interface RemoteObserver {
  /** Reports that an HTTP request has ended. `bytes` are those of the bodies. */
  attempted(
    remote: string,
    kind: RemoteRequestKind,
    attempt: RemoteAttempt,
    bytes: { readonly sent: number; readonly received: number },
  ): void;
  /** Reports that a request with its retries has ended, with OK or the reason of its error. */
  requested(remote: string, kind: RemoteRequestKind, outcome: string, seconds: number): void;
  /** Reports that an HTTP request follows because the one before it has failed. */
  retried(remote: string, kind: RemoteRequestKind): void;
  /**
   * Reports that a second HTTP request was sent because the first was slow. `won` says whether the
   * answer to the second request was used.
   */
  hedged(remote: string, won: boolean): void;
}

export interface RemoteWorkObserver {
  /**
   * Reports that a collection of a remote has ended, with OK or the reason of its error. `deleted`
   * counts the packs and maps that it has deleted. A dry run is not reported.
   */
  collected(
    remote: string,
    outcome: string,
    deleted: { readonly objects: number; readonly packBytes: number },
  ): void;
  /**
   * Reports that a verification of a remote has ended, with OK or the reason of its error.
   * `damages` is the number of damages that it has found.
   */
  verified(remote: string, outcome: string, damages: number): void;
}

export const unobservedRemoteWork: RemoteWorkObserver = {
  collected: () => undefined,
  verified: () => undefined,
};

export const unobservedRemotes: RemoteObserver = {
  attempted: () => undefined,
  requested: () => undefined,
  retried: () => undefined,
  hedged: () => undefined,
};

/** Returns an observer that reports to two others. */
export function bothRemoteObservers(one: RemoteObserver, other: RemoteObserver): RemoteObserver {
  return {
    attempted(...args) {
      one.attempted(...args);
      other.attempted(...args);
    },
    requested(...args) {
      one.requested(...args);
      other.requested(...args);
    },
    retried(...args) {
      one.retried(...args);
      other.retried(...args);
    },
    hedged(...args) {
      one.hedged(...args);
      other.hedged(...args);
    },
  };
}
