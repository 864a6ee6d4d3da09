// Describes one change of a snapshot, as watchers receive it.
import type { Snapshot } from "../model/snapshot.js";

/**
 * created, renamed, updated, corrupt: the snapshot is listed, as the event shows it. deleted,
 * evicted, expired, taken, lost: the snapshot is not listed any more; the event shows its last
 * state.
 */
export type CatalogEventType =
  | "created"
  | "renamed"
  | "updated"
  | "corrupt"
  | "deleted"
  | "evicted"
  | "expired"
  | "taken"
  | "lost";

/** The values of a snapshot before a change, as far as a watcher's filter needs them. */
export interface PreviousValues {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly protected: boolean;
  /** Missing in events that do not change this value. */
  readonly corrupt?: boolean;
  /** Null if the snapshot did not expire. Missing in events of older versions. */
  readonly expiresAtMs?: number | null;
}

/**
 * A position in the order of events: directly after the event with these values. 0 and "" mean
 * before the first event.
 */
export interface EventPosition {
  readonly sequence: number;
  readonly mark: string;
}

export interface CatalogEvent extends EventPosition {
  readonly type: CatalogEventType;
  readonly occurredAt: Date;
  /** The snapshot without its files, and without its image blob ids if it is no longer listed. */
  readonly snapshot: Snapshot;
  /** Id of the snapshot that took over the name. Empty if no snapshot did. */
  readonly replacedBy: string;
  /**
   * Set if a caller has changed a snapshot that stays listed, or if its mark `corrupt` has changed.
   * Undefined in all other events, for example if the store has only recorded digests or sizes, and
   * in older events of type corrupt.
   */
  readonly previous: PreviousValues | undefined;
}
