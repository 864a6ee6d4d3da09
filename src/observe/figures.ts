// The figures that the floors below give when metrics are read. Nothing is paid for them while
// nobody reads.
import type { SnapshotState } from "../model/snapshot.js";
import type { PullBytes } from "./ports.js";

export interface StoreFigures {
  readonly snapshots: Readonly<Record<SnapshotState, number>>;
  /** Ready snapshots that are marked as damaged. */
  readonly damaged: number;
  /** Of all ready snapshots. */
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Everything that `max_store` counts. */
  readonly chargedBytes: number;
  /** Of that, deleted or replaced snapshots that are still read. */
  readonly heldBytes: number;
  /** Of that, running uploads. */
  readonly stagingBytes: number;
  /** Of that, pulls that were cut off. */
  readonly keptBytes: number;
  /** `max_store`; 0 = no limit. */
  readonly quotaBytes: number;
  /** What uploads leave free. */
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
  /** As the refusals name it, such as `byte_streams`. */
  readonly limit: string;
  readonly inUse: number;
  readonly max: number;
}

/** How busy the server is at this moment. */
export interface TransportFigures {
  readonly connections: Readonly<Record<"tcp" | "unix", number>>;
  readonly occupancy: readonly Occupancy[];
  /** How much waits in each queue. */
  readonly queues: Readonly<Record<string, number>>;
}

/** For metrics. */
export interface ReplicationFigures {
  readonly running: number;
  /** Pulls that were cut off and can be resumed. */
  readonly kept: number;
  /** Of the running pulls. */
  readonly bytes: PullBytes;
  /** How long the running pull that is silent longest has brought nothing. */
  readonly longestSilenceSeconds: number;
}

/** What the daemon can do at this moment. */
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
