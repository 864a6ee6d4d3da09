// The interfaces through which the floors below report their work. daemon/ decides who listens.
// Nothing here may cost more than an addition per message.

/** Bytes of messages, without frames and compression. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
}

/** All calls of one method. The transport adds to it. */
export interface MethodTotals extends Traffic {
  /** Calls that run now. */
  active: number;
}

export interface CallObserver {
  /** The totals of a method such as `stasis.v1.SnapshotService/Create`. Always the same object. */
  totalsOf(method: string): MethodTotals;
  /** A call has ended with this status code, such as `NOT_FOUND`. */
  ended(method: string, code: string, seconds: number): void;
  /**
   * A call was refused, perhaps before it had begun. `limit` is the limit that it would exceed, if
   * one was the reason.
   */
  refused(reason: string, limit: string | undefined): void;
}

/** Used by servers that nobody observes. */
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
  /** A transaction of the catalog has ended, or failed. */
  committed(seconds: number): void;
  /** A collection that removes has acted on this row. */
  collected(row: CollectedRow): void;
  /** A collection that removes has ended, with OK or the reason of its error. */
  collectionEnded(outcome: string): void;
}

export const unobservedStore: StoreObserver = {
  committed: () => undefined,
  collected: () => undefined,
  collectionEnded: () => undefined,
};

/** Bytes of pulls. A running pull adds to it. */
export interface PullBytes {
  /** Data that is now stored here, whether it travelled or not. */
  doneBytes: number;
  /** The part that a snapshot of this node already had. */
  reusedBytes: number;
  /** Bytes that came from peers, in compressed form. */
  sentBytes: number;
}

export interface PullObserver {
  /** A pull or a healing has ended, with OK or the reason of its error. */
  pulled(kind: "pull" | "heal", outcome: string, bytes: PullBytes): void;
}

export const unobservedPulls: PullObserver = { pulled: () => undefined };

/** The five requests to an object store. */
export type RemoteRequestKind = "put" | "get" | "head" | "delete" | "list";

/** What became of one HTTP request. The store may have applied one that is not `ok`. */
export type RemoteAttempt =
  | "ok"
  | "missing"
  /** 429 or 503: the store asks for fewer requests. */
  | "throttled"
  /** Another answer that may be different the next time. */
  | "failed"
  | "refused"
  /** The answer was cut off, or is not an answer to the request. */
  | "invalid"
  | "timeout"
  /** No connection, or one that broke. */
  | "disconnected"
  /** The caller, or the other one of two hedged requests, ended it. */
  | "cancelled";

export interface RemoteObserver {
  /** An HTTP request has ended. The bytes are those of bodies. */
  attempted(
    remote: string,
    kind: RemoteRequestKind,
    attempt: RemoteAttempt,
    bytes: { readonly sent: number; readonly received: number },
  ): void;
  /** A request with its retries has ended, with OK or the reason of its error. */
  requested(remote: string, kind: RemoteRequestKind, outcome: string, seconds: number): void;
  /** An HTTP request follows because the one before it has failed. */
  retried(remote: string, kind: RemoteRequestKind): void;
  /** A second HTTP request was sent because the first was slow. `won`: its answer was used. */
  hedged(remote: string, won: boolean): void;
}

export const unobservedRemotes: RemoteObserver = {
  attempted: () => undefined,
  requested: () => undefined,
  retried: () => undefined,
  hedged: () => undefined,
};

/** Tells two. */
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
