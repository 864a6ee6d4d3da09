// Defines the figures that the floors below supply when metrics are read. The figures cost nothing
// while nobody reads them.
import type { SnapshotState } from "../model/snapshot.js";
import type { PullBytes } from "./ports.js";

export interface StoreFigures {
  readonly snapshots: Readonly<Record<SnapshotState, number>>;
  /** Number of ready snapshots that are marked as damaged. */
  readonly damaged: number;
  /** Number of ready snapshots that have a time of expiry. */
  readonly expiring: number;
  /** This figure and the next count all ready snapshots. */
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Everything that `max_store` counts. */
  readonly chargedBytes: number;
  /** The part of `chargedBytes` that belongs to deleted or replaced snapshots with readers. */
  readonly heldBytes: number;
  /** The part of `chargedBytes` that belongs to running uploads. */
  readonly stagingBytes: number;
  /** The part of `chargedBytes` that belongs to interrupted pulls. */
  readonly keptBytes: number;
  /** The value of `max_store`; 0 = no limit. */
  readonly quotaBytes: number;
  /** Bytes that uploads leave free on the filesystem. */
  readonly reserveBytes: number;
  readonly filesystem: {
    readonly sizeBytes: number;
    readonly freeBytes: number;
    readonly inodes: number;
    readonly freeInodes: number;
  };
  readonly walBytes: number;
  readonly uploads: number;
  readonly watchers: number;
  readonly leases: Readonly<Record<string, number>>;
  /** Number of writers that wait for their turn to commit. */
  readonly waitingCommits: number;
  readonly gcSession: boolean;
}

/** The part of a semaphore that is in use. */
export interface Occupancy {
  /** The name of the limit in refusals, such as `byte_streams`. */
  readonly limit: string;
  readonly inUse: number;
  readonly max: number;
}

/** Shows the load of the server at this moment. */
export interface TransportFigures {
  readonly connections: Readonly<Record<"tcp" | "unix", number>>;
  readonly occupancy: readonly Occupancy[];
  /** The length of each queue. */
  readonly queues: Readonly<Record<string, number>>;
}

/** The figures of pulls, for metrics. */
export interface ReplicationFigures {
  readonly running: number;
  /** Number of interrupted pulls that can be resumed. */
  readonly kept: number;
  /** The sum over the running pulls. */
  readonly bytes: PullBytes;
  /** The longest silence of a running pull. */
  readonly longestSilenceSeconds: number;
}

/** The automatic pushes to one remote, for metrics. */
export interface AutoPushFigures {
  readonly remote: string;
  /** Number of snapshots that are not at the remote yet. */
  readonly pending: number;
  /** The age of the oldest of them. 0 if no snapshot is waiting. */
  readonly lagSeconds: number;
  /** True if the last try of a pending snapshot failed. */
  readonly failing: boolean;
}

/** A pull that runs or has ended, for people who ask why one was given up. */
export interface PullState {
  /** The peer or the remote, as the caller named it. */
  readonly source: string;
  readonly ref: string;
  /** The digest of the snapshot. Empty until the source has described the snapshot. */
  readonly digest: string;
  readonly startedAt: Date;
  readonly ended?: {
    readonly at: Date;
    /** `OK`, or the reason of the error. */
    readonly outcome: string;
  };
}

/** Tells whether the daemon can do its work now, and which problems prevent that. */
export interface ConditionFigures {
  /** True if the daemon serves, and no problem stops reads or writes. */
  readonly ready: boolean;
  /** Reasons of the store's problems, and DRAINING. */
  readonly problems: readonly string[];
}

/** The times of scrubs, in seconds since 1970. */
export interface ScrubFigures {
  readonly intervalSeconds: number;
  readonly last:
    { readonly endedAt: number; readonly damaged: number; readonly unreadable: number } | undefined;
  readonly running:
    { readonly startedAt: number; readonly snapshots: number; readonly bytes: number } | undefined;
}
