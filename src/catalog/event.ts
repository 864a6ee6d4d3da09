// One change of a snapshot, as watchers are told of it.
import type { Snapshot } from "../model/snapshot.js";

/**
 * created, renamed, updated, corrupt  → it is listed, as the event says
 * deleted, evicted, lost              → it is not listed any more; the event says how it was
 */
export type CatalogEventType =
  "created" | "renamed" | "updated" | "corrupt" | "deleted" | "evicted" | "lost";

/** What of a snapshot can change without its going, as it was before. */
export interface PreviousValues {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly protected: boolean;
}

/** A place in the order of events: after the event that has them, or 0 and "" before the first. */
export interface EventPosition {
  readonly sequence: number;
  readonly mark: string;
}

export interface CatalogEvent extends EventPosition {
  readonly type: CatalogEventType;
  readonly occurredAt: Date;
  /** Without files; without image blob ids if it has gone. */
  readonly snapshot: Snapshot;
  /** Id of the snapshot that took its name; empty if none did. */
  readonly replacedBy: string;
  /** Of renamed and updated ones. */
  readonly previous: PreviousValues | undefined;
}
