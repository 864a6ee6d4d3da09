// Defines the ports of the store. Each port names what a kind of work may touch. An operation
// receives the ports that it needs, and can reach nothing else. Two ports are in a folder of their
// own, which the lint table guards: `Publisher` (store/write/publisher.ts) and `Remover`
// (store/remove/remover.ts).
import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/logger.js";
import type { Catalog } from "../../catalog/open.js";
import type { Layout } from "../../files/layout.js";
import type { StoreObserver } from "../../observe/ports.js";
import type { RootGuard } from "../../files/root-guard.js";
import type { WriteWorkers } from "../../files/write-workers.js";
import type { CommitTurns } from "./commit-turns.js";
import type { LeaseTable } from "./leases.js";
import type { StoreOptions } from "./options.js";
import type { GcLock } from "./publication-gate.js";
import type { SerialQueue } from "../../base/serial-queue.js";
import type { SpaceAccount } from "./space-account.js";
import type { Watchers } from "./watchers.js";

/**
 * Reads the catalog. The exceptions are `recordAccess`, which changes the time of the last access
 * that callers see, and `noteClock`, which saves a reading of the clock.
 */
export type CatalogReader = Pick<
  Catalog,
  | "get"
  | "files"
  | "resolveRef"
  | "list"
  | "outline"
  | "listed"
  | "manifestState"
  | "idsInState"
  | "idsInStateWithName"
  | "countInState"
  | "countCorrupt"
  | "countExpiring"
  | "idsWithDigest"
  | "idsWithoutDigest"
  | "allIds"
  | "pendingUploads"
  | "findRequest"
  | "takeAnswer"
  | "linkedFiles"
  | "totals"
  | "heldBytes"
  | "chargedBytesNamed"
  | "listPinnedBlobs"
  | "nodeId"
  | "auditFile"
  | "auditRow"
  | "gcPage"
  | "gcSnapshot"
  | "findGcSession"
  | "eventPosition"
  | "isKnownPosition"
  | "eventsAfter"
  | "onEvents"
  | "recordAccess"
  | "elapsedMs"
  | "stampOfAge"
  | "clockDoubt"
  | "noteClock"
  | "nextCreation"
  | "trouble"
>;

/** Reads records and stored files. */
export interface Reader {
  readonly layout: Layout;
  /** Checks whether the layout's root is still the directory that was locked. */
  readonly root: Pick<RootGuard, "check" | "problem">;
  readonly catalog: CatalogReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: StoreOptions;
  /** The caller is confined to names that begin with this prefix. Empty means all names. */
  readonly namePrefix: string;
}

/** Marks a snapshot as corrupt, or removes that mark. */
export interface Marker {
  readonly catalog: Pick<Catalog, "get" | "setCorrupt">;
  readonly logger: Logger;
}

/**
 * Reads and replaces the records of the stored files to which clones have hard links.
 * parts/linked.ts uses them.
 */
export interface Links {
  readonly catalog: Pick<Catalog, "linkedFiles" | "setLinkedFiles">;
}

/** Leases keep the files of a snapshot in place. */
export interface Leases {
  readonly leases: LeaseTable;
}

/** Keeps publication and collections apart. */
export interface Gate {
  readonly collecting: GcLock;
}

/** Every writer waits for its turn before it commits to the catalog; see commit-turns.ts. */
export interface Commits {
  readonly commits: CommitTurns;
}

/** Runs work that nobody waits for. The store waits for it when it closes. */
export interface BackgroundWork {
  background(name: string, work: () => Promise<void>): void;
  /** Fires when the store closes. */
  readonly closing: AbortSignal;
}

/** Ids of the running uploads. No other work touches their staging areas. */
export interface Intakes {
  readonly intakes: Set<string>;
}

/** Threads that write and hash. */
export interface Workers {
  readonly writeWorkers: WriteWorkers;
}

/** Counts disk space that the catalog does not count. */
export interface Room {
  readonly space: SpaceAccount;
}

/** Admits one writer at a time for each manifest. */
export interface Manifests {
  readonly manifests: SerialQueue;
}

/** Reports to metrics what the store has done. */
export interface Observed {
  readonly observer: StoreObserver;
}

/** Wakes watchers when an event has been committed. */
export interface Watching {
  readonly watchers: Watchers;
}
