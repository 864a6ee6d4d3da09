// The figures that the floors below supply when metrics are read. They cost nothing while nobody
// reads them.
import type { SnapshotState } from "../model/snapshot.js";
import type { PullBytes } from "./ports.js";

export interface StoreFigures {
  readonly snapshots: Readonly<Record<SnapshotState, number>>;
  /** Ready snapshots that are marked as damaged. */
  readonly damaged: number;
  /** These count all ready snapshots. */
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Everything that `max_store` counts. */
  readonly chargedBytes: number;
  /** The part that belongs to deleted or replaced snapshots with readers. */
  readonly heldBytes: number;
  /** The part of running uploads. */
  readonly stagingBytes: number;
  /** The part of interrupted pulls. */
  readonly keptBytes: number;
  /** `max_store`; 0 = no limit. */
  readonly quotaBytes: number;
  /** Bytes that uploads leave free. */
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
  /** Writers that wait for their turn to commit. */
  readonly waitingCommits: number;
  readonly gcSession: boolean;
}

/** How full a semaphore is. */
export interface Occupancy {
  /** The name in refusals, such as `byte_streams`. */
  readonly limit: string;
  readonly inUse: number;
  readonly max: number;
}

/** How busy the server is at this moment. */
export interface TransportFigures {
  readonly connections: Readonly<Record<"tcp" | "unix", number>>;
  readonly occupancy: readonly Occupancy[];
  /** The length of each queue. */
  readonly queues: Readonly<Record<string, number>>;
}

/** Used for metrics. */
export interface ReplicationFigures {
  readonly running: number;
  /** Interrupted pulls that can be resumed. */
  readonly kept: number;
  /** The sum over the running pulls. */
  readonly bytes: PullBytes;
  /** The longest silence of a running pull. */
  readonly longestSilenceSeconds: number;
}

/** The daemon's current abilities. */
export interface ConditionFigures {
  /** It serves, and nothing stops reads or writes. */
  readonly ready: boolean;
  /** Reasons of the problems that the store has, and DRAINING. */
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
