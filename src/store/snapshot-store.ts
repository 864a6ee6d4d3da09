// Defines the store as services, replication and collectors see it.
import type {
  ListFilter,
  ListPage,
  ListQuery,
  OutlinePart,
  OutlineRow,
  OutlineWalk,
  StoreClock,
} from "../catalog/open.js";
import type { Layout } from "../files/layout.js";
import type { RootGuard } from "../files/root-guard.js";
import type { TransferArea } from "../files/transfer-area.js";
import type { CallerPath } from "../model/caller-path.js";
import type { CloneRequest } from "../model/clone.js";
import type { CheckEvent, CheckOptions, RepairOptions, Repaired } from "../model/finding.js";
import type { DeltaRequest } from "../model/delta.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Taken, TakeRequest } from "../model/take.js";
import type { StoreFigures } from "../observe/figures.js";
import type { FetchWhole } from "./heal/heal-from-peer.js";
import type { RecoveryReport } from "./heal/recovery.js";
import type { Scrub } from "./heal/scrub.js";
import type { VerifyEvent, VerifyRequest } from "./heal/verify.js";
import type { Activity } from "./parts/activity.js";
import type { ClockStatus } from "./parts/clock-alarm.js";
import type { CopyRecord } from "./parts/copies.js";
import type { Condition } from "./parts/condition.js";
import type { StoreFormats } from "./parts/formats.js";
import type { ReadOptions } from "./parts/open-read.js";
import type { StoreUsage } from "./parts/usage.js";
import type { Clone } from "./read/clone.js";
import type { BlockHashes } from "./read/block-hashes.js";
import type { OpenBlocks } from "./read/blocks.js";
import type { DataStrip } from "./read/data-map.js";
import type { DownloadStream, DownloadStreamOptions, OpenDirectory } from "./read/read.js";
import type { FileReading, ReadFileRequest } from "./read/read-file.js";
import type { CollectRequest, GcResult } from "./remove/collect.js";
import type { GcCycle } from "./remove/gc-session.js";
import type { DeleteRequest } from "./remove/removal.js";
import type { WatchEvent, WatchRequest } from "./watch/watch.js";
import type { Filled, Intake, IntakeRequest } from "./write/intake.js";
import type { UpdateRequest } from "./write/update.js";
import type { OwnedStream } from "../wire/chunk.js";

export type { ListFilter, ListQuery, OutlineRow };

/** The properties that an upload declares. Each method adds the kind of call. */
export type StoreRequest = Omit<IntakeRequest, "kind" | "source" | "delta">;

/** The properties that an upload of a delta declares. */
export interface StoreDelta extends StoreRequest {
  readonly delta: DeltaRequest;
}

/** Limits that the store enforces, and how long it remembers requests. */
export interface StoreLimits {
  readonly maxFiles: number;
  readonly maxSegments: number;
  readonly maxEnvelopeBytes: number;
  readonly maxWatchers: number;
  readonly maxEvents: number;
  readonly requestRetentionMs: number;
  /** The maximum of charged bytes; 0 = no limit. */
  readonly maxStoreBytes: number;
}

/**
 * The snapshots of one root. All methods throw StoreError. docs/consistency.md lists the
 * guarantees. Chunks of `tar` and `archive` must stay unchanged until the call has ended: the store
 * writes them without a copy, several at a time.
 */
export interface SnapshotStore extends AsyncDisposable {
  readonly layout: Layout;
  readonly nodeId: string;
  readonly formats: StoreFormats;
  /**
   * Checks whether the root is present and belongs to this daemon. Operations check this
   * themselves.
   */
  readonly root: Pick<RootGuard, "check" | "problem">;
  /** The problems of the store, for health. Operations detect them themselves. */
  readonly condition: Pick<Condition, "problems" | "follow" | "current">;
  /** Whether the filesystem can share blocks between files. */
  readonly reflink: boolean;
  /** Whether Zstandard is available in this Node. */
  readonly zstd: boolean;
  readonly limits: StoreLimits;
  readonly recovery: RecoveryReport;
  create(request: StoreRequest, tar: OwnedStream, signal: AbortSignal): Promise<Snapshot>;
  createFromDirectory(
    request: StoreRequest,
    directory: CallerPath,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  /** Makes a snapshot from a stored snapshot and from a tar of what has changed. */
  createDelta(request: StoreDelta, tar: OwnedStream, signal: AbortSignal): Promise<Snapshot>;
  createDeltaFromDirectory(
    request: StoreDelta,
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
  /** Returns a part of the snapshots in outline; see `Outline`. */
  outline(walk: OutlineWalk): OutlinePart;
  /** Returns the snapshot as listings show it, or undefined if they do not show it. */
  listed(id: string): Snapshot | undefined;
  /** Returns a text that changes whenever the content of a listing changes. */
  position(): string;
  /** Returns where the data of the snapshot's files lies, in at most `maxCells` cells a file. */
  dataMap(ref: string, maxCells: number, signal: AbortSignal): Promise<DataStrip[]>;
  /** Returns the leases and uploads at this moment. */
  activity(): Activity;
  /**
   * Returns the snapshots whose directory was missing at the start. If there are many, returns only
   * some of them.
   */
  lost(): Snapshot[];
  inspect(ref: string): Snapshot;
  /** Finds the algorithms that have hashed the blocks of a snapshot's files. */
  readonly blockHashes: BlockHashes;
  update(request: UpdateRequest): Promise<Snapshot>;
  delete(request: DeleteRequest): Promise<string[]>;
  download(
    ref: string,
    options: DownloadStreamOptions,
    signal: AbortSignal,
  ): Promise<DownloadStream>;
  /** Returns ranges of one file. */
  readFile(request: ReadFileRequest, signal: AbortSignal): Promise<FileReading>;
  exportToDirectory(
    ref: string,
    directory: CallerPath,
    options: ReadOptions,
    signal: AbortSignal,
  ): Promise<{ snapshot: Snapshot; reflinked: boolean }>;
  /** Makes a writable working copy outside the store. */
  cloneToDirectory(
    ref: string,
    directory: CallerPath,
    request: CloneRequest & ReadOptions,
    signal: AbortSignal,
  ): Promise<Clone>;
  /** Moves the files of a snapshot to a directory of the node, and removes the snapshot. */
  takeToDirectory(request: TakeRequest, directory: CallerPath, signal: AbortSignal): Promise<Taken>;
  openDataDirectory(ref: string, options: ReadOptions, signal: AbortSignal): Promise<OpenDirectory>;
  /** Acquires a lease on the snapshot and opens its block tables, for peers. */
  openBlocks(ref: string, signal: AbortSignal): Promise<OpenBlocks>;
  /**
   * Returns ready and undamaged snapshots with this digest. If there are many, returns only some of
   * them.
   */
  withDigest(digest: string): Snapshot[];
  /** Heals a damaged or lost snapshot with the data that `fetch` supplies. */
  healFromPeer(ref: string, fetch: FetchWhole, signal: AbortSignal): Promise<Snapshot>;
  /** Stores the data that `fill` supplies. Snapshots of peers arrive this way. */
  receive(
    request: StoreRequest & { readonly source: string },
    fill: (intake: Intake) => Promise<Filled>,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  verify(request: VerifyRequest, signal: AbortSignal): AsyncIterable<VerifyEvent>;
  /** Yields events, and never ends by itself. Ends with DRAINING when the store closes. */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /**
   * Plans a collection and, unless it is a dry run, carries it out. Only one collection runs at a
   * time; a second caller gets GC_LOCK_BUSY.
   */
  collectGarbage(request: CollectRequest, signal: AbortSignal): Promise<GcResult[]>;
  /** The calls of an orchestrator that collects over several modules. */
  readonly gcSessions: GcCycle;
  /**
   * Returns the disk usage, or undefined while it is unknown. In that case `condition` has the
   * reason.
   */
  usage(): StoreUsage | undefined;
  /** Returns figures for metrics. */
  figures(): Promise<StoreFigures>;
  /** The area for data that the store keeps of interrupted pulls. */
  readonly transfers: TransferArea;
  /** Counts the data that the store keeps of an interrupted pull, by its digest. */
  noteKept(digest: string, bytes: number): void;
  /** Returns whether ages are certain. */
  clock(): ClockStatus;
  readonly copies: CopyRecord;
  /** Elapsed time of the store, see model/elapsed.ts. */
  readonly time: Pick<StoreClock, "elapsedMs" | "stampOfAge">;
  /** Reads all data again in the background. Only one run exists at a time. */
  readonly scrub: Scrub;
  /** Runs `work`. If it fails with STORAGE_FULL, runs it once more in the space of the ballast. */
  withBallast<T>(work: () => Promise<T>): Promise<T>;
  /** Compares catalog, disk and manifests while calls continue. Changes nothing. */
  check(options: CheckOptions, signal: AbortSignal): AsyncIterable<CheckEvent>;
  /**
   * Does what check proposes. Only one repair runs at a time; a second caller gets GC_LOCK_BUSY.
   */
  repair(options: RepairOptions, signal: AbortSignal): AsyncIterable<Repaired>;
  /**
   * Returns the store for a caller that is confined to names with this prefix. The caller's new
   * snapshots must have such names too. The result has no operations on directories that a caller
   * names, no GC sessions and no usage, because those concern everybody.
   */
  confined(namePrefix: string): ConfinedStore;
}

export type ConfinedStore = Pick<
  SnapshotStore,
  | "layout"
  | "create"
  | "createDelta"
  | "import"
  | "list"
  | "outline"
  | "listed"
  | "position"
  | "dataMap"
  | "activity"
  | "lost"
  | "inspect"
  | "blockHashes"
  | "update"
  | "delete"
  | "download"
  | "readFile"
  | "openDataDirectory"
  | "verify"
  | "watch"
  | "collectGarbage"
>;
