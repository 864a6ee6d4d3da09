// The store as a whole: what the daemon opens, and what services and collectors call.
import type { ByteStream } from "../base/async.js";
import { fieldInvalid } from "../base/errors.js";
import { createCleanup } from "../base/cleanup.js";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { zstdAvailable } from "../archive/compression.js";
import { maxEnvelopeBytes } from "../archive/envelope.js";
import { defaultArchiveLimits } from "../archive/limits.js";
import type { ListFilter, ListPage, ListQuery, StoreClock } from "../catalog/open.js";
import { ensureBallast } from "../files/ballast.js";
import { applyDataGroup } from "../files/data-group.js";
import { makeParts, openRoot, type Layout } from "../files/layout.js";
import { guardRoot } from "../files/root-guard.js";
import { lockRoot } from "../files/root-lock.js";
import { claimFormat, requireKnownFormat } from "../files/store-format.js";
import type { CallerPath } from "../model/caller-path.js";
import type { Snapshot } from "../model/snapshot.js";
import { openWriteWorkers } from "../files/write-workers.js";
import { supportsReflink } from "../holes/sparse-copy.js";
import { checkStore } from "./heal/check.js";
import type { CheckEvent, CheckOptions, Repaired, RepairOptions } from "../model/finding.js";
import { formats, type StoreFormats } from "./parts/formats.js";
import { createGcCycle, type GcCycle } from "./remove/gc-session.js";
import { createGcLock } from "./parts/publication-gate.js";
import { noteCatalogPosition } from "./heal/catalog-history.js";
import { createBackground, type Background } from "./parts/background.js";
import { clockStatus, createClockAlarm, type ClockStatus } from "./parts/clock-alarm.js";
import {
  collectGarbage,
  collectOwn,
  type CollectRequest,
  type GcResult,
} from "./remove/collect.js";
import { CommitTurns } from "./parts/commit-turns.js";
import { openCondition, type Condition } from "./parts/condition.js";
import { confinedContext, watchOwn } from "./confined.js";
import { defaultStoreOptions, type StoreContext, type StoreOptions } from "./parts/context.js";
import { create, createFromDirectory } from "./write/create.js";
import { backfillDigest } from "./write/digest-backfill.js";
import { guardStore, type Guards } from "./guarded.js";
import { importArchive, importFromDirectory } from "./write/import.js";
import { openBlocks, type OpenBlocks } from "./read/blocks.js";
import { takeIn, type Filled, type Intake, type IntakeRequest } from "./write/intake.js";
import { openCatalogWithRoom } from "./heal/open-catalog.js";
import { LeaseTable } from "./parts/leases.js";
import { mend, type FetchWhole } from "./heal/heal-from-peer.js";
import {
  exportToDirectory,
  openDataDirectory,
  openDownload,
  type Download,
  type DownloadOptions,
  type OpenDirectory,
  type ReadOptions,
} from "./read/read.js";
import { recover, type RecoveryReport } from "./heal/recovery.js";
import { deleteSnapshots, type DeleteRequest } from "./remove/removal.js";
import { repairStore } from "./heal/repair.js";
import { refillBallast, withBallast } from "./parts/room.js";
import { openScrub, type Scrub } from "./heal/scrub.js";
import { SerialQueue } from "./parts/serial-queue.js";
import { createSpace } from "./parts/space.js";
import { usageOf, type StoreUsage } from "./parts/usage.js";
import { verify, type VerifyEvent, type VerifyRequest } from "./heal/verify.js";
import { updateSnapshot, type UpdateRequest } from "./write/update.js";
import { watch, type WatchEvent, type WatchRequest } from "./watch/watch.js";
import { createWatchers } from "./parts/watchers.js";

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
  readonly root: Guards["root"];
  /** The problems of the store, for health. Operations find them by themselves. */
  readonly condition: Pick<Condition, "problems" | "follow">;
  /** The filesystem shares blocks between files. */
  readonly reflink: boolean;
  /** Zstandard is available in this Node. */
  readonly zstd: boolean;
  readonly limits: StoreLimits;
  readonly recovery: RecoveryReport;
  create(request: StoreRequest, tar: ByteStream, signal: AbortSignal): Promise<Snapshot>;
  createFromDirectory(
    request: StoreRequest,
    directory: CallerPath,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  import(request: StoreRequest, archive: ByteStream, signal: AbortSignal): Promise<Snapshot>;
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
  mend(ref: string, fetch: FetchWhole, signal: AbortSignal): Promise<Snapshot>;
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
  /** Counts what is kept of a pull that was cut off, by its digest. */
  noteKept(digest: string, bytes: number): void;
  /** Whether ages can be told. */
  clock(): ClockStatus;
  /** Elapsed time of the store, see model/elapsed.ts. */
  readonly time: Pick<StoreClock, "elapsedMs" | "stampOfAge">;
  /** All data read again in the background: one run at a time. */
  readonly scrub: Scrub;
  /** Runs `work`. When that fails with STORAGE_FULL, runs it once more in the room of the ballast. */
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

export interface OpenStoreOptions {
  readonly root: string;
  /** Number of the group that may read stored data files. Default: none. */
  readonly dataGroup?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options?: Partial<StoreOptions>;
}

/** Locks the root, opens the catalog, recovers; nothing is served before that. */
export async function openStore(open: OpenStoreOptions): Promise<SnapshotStore> {
  const { clock, logger } = open;
  const options = { ...defaultStoreOptions, ...open.options };
  await using cleanup = createCleanup();
  const layout = await openRoot(open.root, open.dataGroup);
  requireKnownFormat(layout);
  const lock = await lockRoot(layout);
  cleanup.defer(() => {
    lock.release();
  });
  const root = guardRoot(layout, lock.holder, logger);
  cleanup.defer(() => {
    root[Symbol.dispose]();
  });
  const claimed = await claimFormat(layout, logger);
  await makeParts(layout);
  const { maxEvents } = options;
  const beforeWrite = root.check;
  const catalog = await openCatalogWithRoom(layout, { clock, maxEvents, beforeWrite }, logger);
  cleanup.defer(() => closeCatalog({ catalog, layout, logger, root }));
  // The catalog may have got the room of the ballast.
  if (!claimed) await claimFormat(layout, logger);
  await applyDataGroup(layout, logger);
  const writeWorkers = openWriteWorkers();
  cleanup.defer(async () => writeWorkers[Symbol.asyncDispose]());
  const background = createBackground(logger);
  const watchers = createWatchers(catalog, options.maxWatchers);
  cleanup.defer(() => {
    watchers.close();
    return background.close();
  });
  const context: StoreContext = {
    layout,
    root,
    catalog,
    leases: new LeaseTable(),
    manifests: new SerialQueue(),
    commits: new CommitTurns(),
    watchers,
    writeWorkers,
    intakes: new Set(),
    space: createSpace(),
    namePrefix: "",
    collecting: createGcLock(clock),
    clock,
    logger,
    options,
    closing: background.closing,
    background: background.run,
  };
  const recovery = await recover(context);
  await ensureBallast(layout);
  const reflink = await supportsReflink(layout.stagingRoot);
  const zstd = await zstdAvailable();
  for (const id of catalog.idsWithoutDigest()) backfillDigest(context, id);
  const reserveBytes = options.freeSpaceReserveBytes;
  const condition = openCondition({ layout, catalog, root, clock, logger, reserveBytes });
  cleanup.defer(() => {
    condition[Symbol.dispose]();
  });
  const watchClock = createClockAlarm(context);
  watchClock();
  const timer = setInterval(() => {
    watchClock();
    if (condition.problems().some(({ error }) => error.reason !== "STORAGE_FULL")) return;
    background.run("flush access times", () => flush(context));
  }, options.accessFlushIntervalMs);
  timer.unref();
  cleanup.defer(() => {
    clearInterval(timer);
  });
  const scrub = await openScrub(context);
  const close = cleanup.release();
  const facts = { nodeId: catalog.nodeId(), reflink, zstd, recovery, scrub, condition };
  return guardStore(storeOver(context, background.operation, facts, close), { root, condition });
}

/** Where the root is gone, the catalog's own files are: SQLite would look for them by name. */
async function closeCatalog(place: Pick<StoreContext, "catalog" | "layout" | "logger" | "root">) {
  try {
    place.root.check();
  } catch {
    place.catalog.abandon();
    return;
  }
  await noteCatalogPosition(place);
  place.catalog.close();
}

/** Access times and forgotten requests: housekeeping that needs no fsync of its own. */
async function flush(context: StoreContext): Promise<void> {
  if (context.root.problem() !== undefined) return;
  await context.commits.take();
  context.catalog.flushAccesses();
  await context.commits.take();
  context.catalog.pruneRequests(context.options.requestRetentionMs);
  await noteCatalogPosition(context);
}

function storeOver(
  context: StoreContext,
  during: Background["operation"],
  facts: Pick<SnapshotStore, "nodeId" | "reflink" | "zstd" | "recovery" | "scrub" | "condition">,
  close: () => Promise<void>,
): SnapshotStore {
  return {
    ...facts,
    layout: context.layout,
    formats,
    root: context.root,
    limits: {
      maxFiles: defaultArchiveLimits.maxFiles,
      maxSegments: defaultArchiveLimits.maxSegments,
      maxEnvelopeBytes,
      maxWatchers: context.options.maxWatchers,
      maxEvents: context.options.maxEvents,
      requestRetentionMs: context.options.requestRetentionMs,
      maxStoreBytes: context.options.maxStoreBytes,
    },
    ...sharedOperations(context, during),
    createFromDirectory: (request, directory, signal) => {
      const intake: IntakeRequest = { ...request, kind: "create-from-directory" };
      return during(() => createFromDirectory(context, intake, directory, signal));
    },
    importFromDirectory: (request, directory, signal) => {
      const intake: IntakeRequest = { ...request, kind: "import-from-directory" };
      return during(() => importFromDirectory(context, intake, directory, signal));
    },
    exportToDirectory: (ref, directory, options, signal) =>
      exportToDirectory(context, ref, directory, options, signal),
    watch: (request, signal) => watch(context, request, signal),
    collectGarbage: (request, signal) => during(() => collectGarbage(context, request, signal)),
    gcSessions: createGcCycle(context, during),
    usage: () => usageOf(context),
    noteKept: context.space.noteKept,
    clock: () => clockStatus(context),
    time: context.catalog,
    scrub: {
      state: facts.scrub.state,
      run: (limit, signal) =>
        during(() => facts.scrub.run(limit, AbortSignal.any([signal, context.closing]))),
    },
    withBallast: async (work) => {
      try {
        return await withBallast(context.layout, work);
      } finally {
        await refillBallast(context.layout);
      }
    },
    repair: (repairOptions, signal) => repairStore(context, repairOptions, signal),
    check: (checkOptions, signal) =>
      checkStore({ ...context, live: context }, checkOptions, signal),
    confined: (namePrefix) => {
      const own = confinedContext(context, namePrefix);
      return {
        layout: context.layout,
        ...sharedOperations(own, during),
        watch: (request, signal) => watchOwn(context, request, namePrefix, signal),
        collectGarbage: (request, signal) => during(() => collectOwn(own, request, signal)),
      };
    },
    [Symbol.asyncDispose]: close,
  };
}

/** What begins at a ref or a name, and so is the same for all callers but for what they see. */
function sharedOperations(context: StoreContext, during: Background["operation"]) {
  return {
    create: (request, tar, signal) =>
      during(() => create(context, { ...request, kind: "create" }, tar, signal)),
    import: (request, archive, signal) =>
      during(() => importArchive(context, { ...request, kind: "import" }, archive, signal)),
    list: (query) => context.catalog.list(query),
    inspect: (ref) => {
      if (ref === "") throw fieldInvalid("ref", "an id, a name or a unique id prefix", ref);
      return context.catalog.resolveRef(ref);
    },
    update: (request) => during(() => updateSnapshot(context, request)),
    delete: (request) => during(() => deleteSnapshots(context, request)),
    download: (ref, options, signal) => openDownload(context, ref, options, signal),
    openDataDirectory: (ref, options, signal) => openDataDirectory(context, ref, options, signal),
    openBlocks: (ref, signal) => openBlocks(context, ref, signal),
    withDigest: (digest) => withDigest(context, digest),
    mend: (ref, fetch, signal) => during(() => mend(context, ref, fetch, signal)),
    receive: (request, fill, signal) =>
      during(() => takeIn(context, { ...request, kind: "pull" }, fill, signal)),
    verify: (request, signal) => verify(context, request, signal),
  } satisfies Partial<SnapshotStore>;
}

const maxWithDigest = 32;

function withDigest({ catalog }: StoreContext, digest: string): Snapshot[] {
  return catalog
    .idsWithDigest(digest, maxWithDigest)
    .flatMap((id) => catalog.get(id) ?? [])
    .filter(({ corrupt }) => !corrupt);
}
