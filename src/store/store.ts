// Composes the store as a whole. The daemon opens it, and services and collectors call it.
import { zstdAvailable } from "../archive/compression.js";
import { type Cleanup, createCleanup } from "../base/cleanup.js";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { ensureBallast } from "../files/ballast.js";
import { applyDataGroup } from "../files/data-group.js";
import { makeParts, openRoot } from "../files/layout.js";
import { guardRoot } from "../files/root-guard.js";
import { lockRoot } from "../files/root-lock.js";
import { claimFormat, requireKnownFormat } from "../files/store-format.js";
import { openWriteWorkers } from "../files/write-workers.js";
import { supportsReflink } from "../holes/sparse-copy.js";
import { type StoreObserver, unobservedStore } from "../observe/ports.js";
import { guardStore } from "./guarded.js";
import { noteCatalogPosition } from "./heal/catalog-history.js";
import { openCatalogWithRoom } from "./heal/open-catalog.js";
import { recover } from "./heal/recovery.js";
import { openScrub } from "./heal/scrub.js";
import { operationsOver } from "./operations.js";
import { chargedBytes } from "./parts/allowance.js";
import { type Background, createBackground } from "./parts/background.js";
import { createClockAlarm } from "./parts/clock-alarm.js";
import { CommitTurns } from "./parts/commit-turns.js";
import { type Condition, openCondition } from "./parts/condition.js";
import { LeaseTable } from "./parts/leases.js";
import type { StoreOptions } from "./parts/options.js";
import { createGcLock } from "./parts/publication-gate.js";
import { SerialQueue } from "../base/serial-queue.js";
import { createSpaceAccount } from "./parts/space-account.js";
import { createWatchers } from "./parts/watchers.js";
import { removeInBackground } from "./remove/removal.js";
import type { SnapshotStore } from "./snapshot-store.js";
import type { StoreParts } from "./store-parts.js";
import { backfillDigest } from "./write/digest-backfill.js";

export type { StoreOptions };

export interface OpenStoreOptions {
  readonly root: string;
  /** Number of the group that may read stored data files. Default: no group. */
  readonly dataGroup?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: StoreOptions;
  /** Called once the store owns the root and its catalog is open, before recovery begins. */
  readonly onRecovery?: () => Promise<void>;
  /** Receives what the store has done, for metrics. Default: no observer. */
  readonly observer?: StoreObserver;
}

/** Opens the store: locks the root, opens the catalog and runs recovery. */
export async function openStore(open: OpenStoreOptions): Promise<SnapshotStore> {
  await using cleanup = createCleanup();
  const { parts, background } = await openParts(open, cleanup);
  const { layout, root, catalog, clock, logger, options } = parts;
  await open.onRecovery?.();
  const recovery = await recover(parts);
  await ensureBallast(layout);
  const reflink = await supportsReflink(layout.stagingRoot);
  const zstd = await zstdAvailable();
  for (const id of catalog.idsWithoutDigest()) backfillDigest(parts, id);
  const reserveBytes = options.freeSpaceReserveBytes;
  const takenBytes = () => chargedBytes(parts);
  const watched = { layout, catalog, root, clock, logger, reserveBytes, takenBytes };
  const condition = openCondition(watched);
  cleanup.defer(() => {
    condition[Symbol.dispose]();
  });
  cleanup.defer(startHousekeeping(parts, condition));
  const scrub = await openScrub(parts);
  const close = cleanup.release();
  const facts = { nodeId: catalog.nodeId(), reflink, zstd, recovery, scrub, condition };
  const store = operationsOver(parts, background.operation, facts, close);
  return guardStore(store, { root, condition });
}

/** Opens the parts of the store. `cleanup` closes them in the reverse order. */
async function openParts(
  open: OpenStoreOptions,
  cleanup: Cleanup,
): Promise<{ parts: StoreParts; background: Background }> {
  const { clock, logger, options, observer = unobservedStore } = open;
  const { layout, root, catalog } = await openRootAndCatalog(open, cleanup);
  const writeWorkers = openWriteWorkers();
  cleanup.defer(async () => writeWorkers[Symbol.asyncDispose]());
  const background = createBackground(logger);
  const watchers = createWatchers(catalog, options.maxWatchers);
  cleanup.defer(() => {
    watchers.close();
    return background.close();
  });
  const parts: StoreParts = {
    layout,
    root,
    catalog,
    leases: new LeaseTable(),
    manifests: new SerialQueue(),
    commits: new CommitTurns(),
    watchers,
    writeWorkers,
    intakes: new Set(),
    space: createSpaceAccount(),
    observer,
    namePrefix: "",
    collecting: createGcLock(clock),
    clock,
    logger,
    options,
    closing: background.closing,
    background: background.run,
    retire: (replaced) => removeInBackground(parts, replaced),
  };
  return { parts, background };
}

async function openRootAndCatalog(
  { root: path, dataGroup, clock, logger, observer, options }: OpenStoreOptions,
  cleanup: Cleanup,
): Promise<Pick<StoreParts, "layout" | "root" | "catalog">> {
  const layout = await openRoot(path, dataGroup);
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
  const catalogOptions = {
    ...{ clock, maxEvents: options.maxEvents, beforeWrite: root.check },
    ...(observer && { afterWrite: observer.committed }),
  };
  const catalog = await openCatalogWithRoom(layout, catalogOptions, logger);
  cleanup.defer(() => closeCatalog({ catalog, layout, logger, root }));
  // If the claim failed, the disk had no space for it. Opening the catalog may have released the
  // ballast.
  if (!claimed) await claimFormat(layout, logger);
  await applyDataGroup(layout, logger);
  return { layout, root, catalog };
}

/**
 * Starts to write access times and to check the clock periodically. The returned function ends
 * both.
 */
function startHousekeeping(parts: StoreParts, condition: Condition): () => void {
  const watchClock = createClockAlarm(parts);
  watchClock();
  const timer = setInterval(() => {
    watchClock();
    if (condition.problems().some(({ error }) => error.reason !== "STORAGE_FULL")) return;
    parts.background("flush access times", () => flush(parts));
  }, parts.options.accessFlushIntervalMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/**
 * Closes the catalog. If the root is gone, so are the catalog's files, which SQLite would look for
 * by name.
 */
async function closeCatalog(place: Pick<StoreParts, "catalog" | "layout" | "logger" | "root">) {
  try {
    place.root.check();
  } catch {
    place.catalog.abandon();
    return;
  }
  await noteCatalogPosition(place);
  place.catalog.close();
}

/**
 * Writes access times, deletes expired requests and records the catalog's position. Each commit
 * waits for its own turn.
 */
async function flush(parts: StoreParts): Promise<void> {
  if (parts.root.problem() !== undefined) return;
  await parts.commits.take();
  parts.catalog.flushAccesses();
  await parts.commits.take();
  parts.catalog.pruneRequests(parts.options.requestRetentionMs);
  await noteCatalogPosition(parts);
}
