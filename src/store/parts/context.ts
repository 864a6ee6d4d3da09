// What every operation of the domain works with.
import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/logger.js";
import { defaultMaxEvents, type Catalog } from "../../catalog/open.js";
import type { Layout } from "../../files/layout.js";
import type { RootGuard } from "../../files/root-guard.js";
import type { WriteWorkers } from "../../files/write-workers.js";
import type { CommitTurns } from "./commit-turns.js";
import type { GcLock } from "./publication-gate.js";
import type { LeaseTable } from "./leases.js";
import type { SerialQueue } from "./serial-queue.js";
import type { Space } from "./space.js";
import type { Watchers } from "./watchers.js";

export interface StoreOptions {
  /** Bytes of the filesystem that uploads leave free. 0 = none. */
  readonly freeSpaceReserveBytes: number;
  /** Bytes on disk of all snapshots. 0 = no limit. */
  readonly maxStoreBytes: number;
  /** The same for the snapshots whose names begin with a caller's prefix. */
  readonly prefixQuotaBytes: number;
  /** Bytes of one upload, as they come and unfolded. */
  readonly maxUploadBytes: number;
  /** See `DecompressOptions`. */
  readonly maxRatio: number;
  /** How often last-access times are written, in milliseconds. */
  readonly accessFlushIntervalMs: number;
  /** How long the outcome of a request id is remembered, in milliseconds. */
  readonly requestRetentionMs: number;
  /** About how many events are kept for watchers. */
  readonly maxEvents: number;
  /** Watchers at once. */
  readonly maxWatchers: number;
  /** gzip level of Export, 1 to 9. */
  readonly gzipLevel: number;
  /** Zstandard level of Export, 1 to 19. */
  readonly zstdLevel: number;
}

export const defaultStoreOptions: StoreOptions = {
  freeSpaceReserveBytes: 64 * 1024 * 1024,
  maxStoreBytes: 0,
  prefixQuotaBytes: 0,
  maxUploadBytes: 4 * 1024 ** 4,
  maxRatio: 2000,
  accessFlushIntervalMs: 10_000,
  requestRetentionMs: 24 * 3600 * 1000,
  maxEvents: defaultMaxEvents,
  maxWatchers: 1000,
  gzipLevel: 1,
  zstdLevel: 1,
};

export interface StoreContext {
  readonly layout: Layout;
  /** Whether the layout's root is still the directory that was locked. */
  readonly root: Pick<RootGuard, "check" | "problem">;
  readonly catalog: Catalog;
  readonly leases: LeaseTable;
  /** Per snapshot: whoever rewrites its manifest does so alone. */
  readonly manifests: SerialQueue;
  /** Every writer takes one before it commits to the catalog. */
  readonly commits: CommitTurns;
  readonly watchers: Watchers;
  readonly writeWorkers: WriteWorkers;
  /** Ids of the uploads that are running. */
  readonly intakes: Set<string>;
  /** What they have written so far. */
  readonly space: Space;
  /** The caller is confined to names that begin so; empty = all. */
  readonly namePrefix: string;
  /** One collection at a time, and what must wait for it. */
  readonly collecting: GcLock;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: StoreOptions;
  /** Fires when the store closes: background work ends. */
  readonly closing: AbortSignal;
  /** Starts work that nobody waits for; the store waits for it when it closes. */
  background(name: string, work: () => Promise<void>): void;
}
