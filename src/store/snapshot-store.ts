// The store as services, replication and collectors see it.
import type { ListFilter, ListPage, ListQuery, StoreClock } from "../catalog/open.js";
import type { Layout } from "../files/layout.js";
import type { RootGuard } from "../files/root-guard.js";
import type { TransferArea } from "../files/transfer-area.js";
import type { CallerPath } from "../model/caller-path.js";
import type { CheckEvent, CheckOptions, RepairOptions, Repaired } from "../model/finding.js";
import type { Snapshot } from "../model/snapshot.js";
import type { FetchWhole } from "./heal/heal-from-peer.js";
import type { RecoveryReport } from "./heal/recovery.js";
import type { Scrub } from "./heal/scrub.js";
import type { VerifyEvent, VerifyRequest } from "./heal/verify.js";
import type { ClockStatus } from "./parts/clock-alarm.js";
import type { Condition } from "./parts/condition.js";
import type { StoreFormats } from "./parts/formats.js";
import type { StoreUsage } from "./parts/usage.js";
import type { OpenBlocks } from "./read/blocks.js";
import type { Download, DownloadOptions, OpenDirectory, ReadOptions } from "./read/read.js";
import type { CollectRequest, GcResult } from "./remove/collect.js";
import type { GcCycle } from "./remove/gc-session.js";
import type { DeleteRequest } from "./remove/removal.js";
import type { WatchEvent, WatchRequest } from "./watch/watch.js";
import type { Filled, Intake, IntakeRequest } from "./write/intake.js";
import type { UpdateRequest } from "./write/update.js";
import type { OwnedStream } from "../wire/chunk.js";

export type { ListFilter, ListPage, ListQuery };

/** What an upload says of itself; which call it came by is known from the method. */
export type StoreRequest = Omit<IntakeRequest, "kind" | "source">;

/** Bounds that the store enforces, and for how long it remembers. */
export interface StoreLimits {
  readonly maxFiles: number;
  readonly maxSegments: number;
  readonly maxEnvelopeBytes: number;
  readonly maxWatchers: number;
  readonly maxEvents: number;
  readonly requestRetentionMs: number;
  /** 0 = no limit. */
  readonly maxStoreBytes: number;
}

/**
 * The snapshots of one root. All methods throw StoreError; docs/consistency.md has the promises.
 * Chunks of `tar` and `archive` must stay as they are until the call has ended: they are written
 * without a copy, several at a time.
 */
export interface SnapshotStore extends AsyncDisposable {
  readonly layout: Layout;
  readonly nodeId: string;
  readonly formats: StoreFormats;
  /** Whether the root is there, and this daemon's: operations ask by themselves. */
  readonly root: Pick<RootGuard, "check" | "problem">;
  /** The problems of the store, for health. Operations find them by themselves. */
  readonly condition: Pick<Condition, "problems" | "follow">;
  /** The filesystem shares blocks between files. */
  readonly reflink: boolean;
  /** Zstandard is available in this Node. */
  readonly zstd: boolean;
  readonly limits: StoreLimits;
  readonly recovery: RecoveryReport;
  create(request: StoreRequest, tar: OwnedStream, signal: AbortSignal): Promise<Snapshot>;
  createFromDirectory(
    request: StoreRequest,
    directory: CallerPath,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  import(request: StoreRequest, archive: OwnedStream, signal: AbortSignal): Promise<Snapshot>;
  importFromDirectory(
    request: StoreRequest,
    directory: CallerPath,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  list(query: ListQuery): ListPage;
  inspect(ref: string): Snapshot;
  update(request: UpdateRequest): Promise<Snapshot>;
  delete(request: DeleteRequest): Promise<string[]>;
  download(ref: string, options: DownloadOptions, signal: AbortSignal): Promise<Download>;
  exportToDirectory(
    ref: string,
    directory: CallerPath,
    options: ReadOptions,
    signal: AbortSignal,
  ): Promise<{ snapshot: Snapshot; reflinked: boolean }>;
  openDataDirectory(ref: string, options: ReadOptions, signal: AbortSignal): Promise<OpenDirectory>;
  /** A lease on the snapshot with its block tables: what peers read. */
  openBlocks(ref: string, signal: AbortSignal): Promise<OpenBlocks>;
  /** Ready and undamaged snapshots with this digest, some of them if they are many. */
  withDigest(digest: string): Snapshot[];
  /** Makes a damaged or lost snapshot whole with what `fetch` brings. */
  healFromPeer(ref: string, fetch: FetchWhole, signal: AbortSignal): Promise<Snapshot>;
  /** Stores what `fill` brings: the way in for snapshots of peers. */
  receive(
    request: StoreRequest & { readonly source: string },
    fill: (intake: Intake) => Promise<Filled>,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  verify(request: VerifyRequest, signal: AbortSignal): AsyncIterable<VerifyEvent>;
  /** Never ends by itself; ends with DRAINING when the store closes. */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Plans and, unless it is a dry run, removes. One at a time: others get GC_LOCK_BUSY. */
  collectGarbage(request: CollectRequest, signal: AbortSignal): Promise<GcResult[]>;
  /** One cycle of an orchestrator that collects over several modules. */
  readonly gcSessions: GcCycle;
  usage(): StoreUsage;
  /** What is kept of pulls that were cut off. */
  readonly transfers: TransferArea;
  /** Counts what is kept of a pull that was cut off, by its digest. */
  noteKept(digest: string, bytes: number): void;
  /** Whether ages can be told. */
  clock(): ClockStatus;
  /** Elapsed time of the store, see model/elapsed.ts. */
  readonly time: Pick<StoreClock, "elapsedMs" | "stampOfAge">;
  /** All data read again in the background: one run at a time. */
  readonly scrub: Scrub;
  /**
   * Runs `work`. When that fails with STORAGE_FULL, runs it once more in the room of the ballast.
   */
  withBallast<T>(work: () => Promise<T>): Promise<T>;
  /** Compares catalog, disk and manifests while calls go on; changes nothing. */
  check(options: CheckOptions, signal: AbortSignal): AsyncIterable<CheckEvent>;
  /** Does what check proposes; one at a time, others get GC_LOCK_BUSY. */
  repair(options: RepairOptions, signal: AbortSignal): AsyncIterable<Repaired>;
  /**
   * The store as somebody sees it for whom only snapshots exist whose names begin so; new ones must
   * be named so. Without directories of the node, sessions and usage: those are everybody's.
   */
  confined(namePrefix: string): ConfinedStore;
}

export type ConfinedStore = Pick<
  SnapshotStore,
  | "layout"
  | "create"
  | "import"
  | "list"
  | "inspect"
  | "update"
  | "delete"
  | "download"
  | "openDataDirectory"
  | "verify"
  | "watch"
  | "collectGarbage"
>;
