// Binds every operation of the store to the parts that it works with.
import { openTransferArea } from "../files/transfer-area.js";
import { maxEnvelopeBytes } from "../archive/envelope.js";
import { defaultArchiveLimits } from "../archive/limits.js";
import { fieldInvalid, reasonOfError } from "../base/errors.js";
import type { Snapshot } from "../model/snapshot.js";
import { confinedParts, watchOwn } from "./confined.js";
import { checkStore } from "./heal/check.js";
import { healFromPeer } from "./heal/heal-from-peer.js";
import { repairStore } from "./heal/repair.js";
import { rewriteFragmented } from "./heal/rewrite.js";
import { verify } from "./heal/verify.js";
import { activityOf } from "./parts/activity.js";
import type { Background } from "./parts/background.js";
import { clockStatus } from "./parts/clock-alarm.js";
import { formats } from "./parts/formats.js";
import { figuresOf } from "./parts/figures.js";
import { refillBallast, withBallast } from "./parts/room.js";
import { usageOf } from "./parts/usage.js";
import { dataMap } from "./read/data-map.js";
import { createBlockHashes, type BlockHashes } from "./read/block-hashes.js";
import { openBlocks } from "./read/blocks.js";
import { cloneToDirectory } from "./read/clone.js";
import { openDeltaStream } from "./read/delta-export.js";
import { exportToDirectory, openDataDirectory, openDownloadStream } from "./read/read.js";
import { readFile } from "./read/read-file.js";
import {
  collectGarbage,
  collectOwn,
  type CollectRequest,
  type GcResult,
} from "./remove/collect.js";
import { createGcCycle } from "./remove/gc-session.js";
import { deleteSnapshots } from "./remove/removal.js";
import { takeToDirectory } from "./remove/take.js";
import type { ConfinedStore, SnapshotStore, StoreLimits } from "./snapshot-store.js";
import type { StoreParts } from "./store-parts.js";
import { watch } from "./watch/watch.js";
import { create, createFromDirectory } from "./write/create.js";
import { createDelta, createDeltaFromDirectory, type DeltaIntakeRequest } from "./write/delta.js";
import { backfillDigest } from "./write/digest-backfill.js";
import { importArchive, importFromDirectory } from "./write/import.js";
import { recordCopies } from "./parts/copies.js";
import { begin, type IntakeRequest } from "./write/intake.js";
import { updateSnapshot } from "./write/update.js";

export function operationsOver(
  parts: StoreParts,
  during: Background["operation"],
  facts: Pick<SnapshotStore, "nodeId" | "reflink" | "zstd" | "recovery" | "scrub" | "condition">,
  close: () => Promise<void>,
): SnapshotStore {
  const blockHashes = createBlockHashes(parts.layout);
  return {
    ...facts,
    layout: parts.layout,
    formats,
    root: parts.root,
    limits: limitsOf(parts),
    ...sharedOperations(parts, during, blockHashes),
    ...directoryIntakes(parts, during),
    exportToDirectory: (ref, directory, options, signal) =>
      exportToDirectory(parts, ref, directory, options, signal),
    cloneToDirectory: (ref, directory, request, signal) =>
      during(() => cloneToDirectory(parts, ref, directory, request, signal)),
    takeToDirectory: (request, directory, signal) => {
      // Moving a snapshot ends the computation of its digests. If the snapshot stays, the
      // computation begins again.
      const stayed = (id: string): void => backfillDigest(parts, id);
      return during(() => takeToDirectory(parts, request, directory, { signal, stayed }));
    },
    watch: (request, signal) => watch(parts, request, signal),
    collectGarbage: (request, signal) =>
      during(() => observed(parts, request, () => collectGarbage(parts, request, signal))),
    gcSessions: createGcCycle(parts, during),
    usage: () => usageOf(parts),
    figures: () => figuresOf(parts),
    transfers: openTransferArea(parts.layout),
    noteKept: parts.space.noteKept,
    clock: () => clockStatus(parts),
    time: parts.catalog,
    copies: recordCopies(parts),
    scrub: {
      state: facts.scrub.state,
      run: (limit, signal) =>
        during(() => facts.scrub.run(limit, AbortSignal.any([signal, parts.closing]))),
    },
    withBallast: async (work) => {
      try {
        return await withBallast(parts.layout, work);
      } finally {
        await refillBallast(parts.layout);
      }
    },
    repair: (repairOptions, signal) => repairStore(parts, repairOptions, signal),
    check: (checkOptions, signal) => checkStore({ ...parts, live: parts }, checkOptions, signal),
    confined: (namePrefix) => confinedOperations(parts, during, blockHashes, namePrefix),
    [Symbol.asyncDispose]: close,
  };
}

/** Returns the operations that store directories of the node. */
function directoryIntakes(parts: StoreParts, during: Background["operation"]) {
  return {
    createFromDirectory: (request, directory, signal) => {
      const intake: IntakeRequest = { ...request, kind: "create-from-directory" };
      return during(() => createFromDirectory(parts, intake, directory, signal));
    },
    createDeltaFromDirectory: (request, directory, signal) => {
      const intake: DeltaIntakeRequest = { ...request, kind: "create-delta-from-directory" };
      return during(() =>
        thenLookAt(parts, createDeltaFromDirectory(parts, intake, directory, signal)),
      );
    },
    importFromDirectory: (request, directory, signal) => {
      const intake: IntakeRequest = { ...request, kind: "import-from-directory" };
      return during(() => importFromDirectory(parts, intake, directory, signal));
    },
  } satisfies Partial<SnapshotStore>;
}

function confinedOperations(
  parts: StoreParts,
  during: Background["operation"],
  blockHashes: BlockHashes,
  namePrefix: string,
): ConfinedStore {
  const own = confinedParts(parts, namePrefix);
  return {
    layout: parts.layout,
    ...sharedOperations(own, during, blockHashes),
    watch: (request, signal) => watchOwn(parts, request, namePrefix, signal),
    collectGarbage: (request, signal) =>
      during(() => observed(own, request, () => collectOwn(own, request, signal))),
  };
}

function limitsOf({ options }: StoreParts): StoreLimits {
  return {
    maxFiles: defaultArchiveLimits.maxFiles,
    maxSegments: defaultArchiveLimits.maxSegments,
    maxEnvelopeBytes,
    maxWatchers: options.maxWatchers,
    maxEvents: options.maxEvents,
    requestRetentionMs: options.requestRetentionMs,
    maxStoreBytes: options.maxStoreBytes,
  };
}

/**
 * Binds operations that begin with a ref or a name. They are the same for all callers, except for
 * the snapshots that a caller sees.
 */
function sharedOperations(
  parts: StoreParts,
  during: Background["operation"],
  blockHashes: BlockHashes,
) {
  return {
    blockHashes,
    create: (request, tar, signal) =>
      during(() => create(parts, { ...request, kind: "create" }, tar, signal)),
    createDelta: (request, tar, signal) =>
      during(() => {
        const intake: DeltaIntakeRequest = { ...request, kind: "create-delta" };
        return thenLookAt(parts, createDelta(parts, intake, tar, signal));
      }),
    import: (request, archive, signal) =>
      during(() => {
        const intake: IntakeRequest = { ...request, kind: "import" };
        return thenLookAt(parts, importArchive(parts, intake, archive, signal));
      }),
    list: (query) => parts.catalog.list(query),
    outline: (walk) => parts.catalog.outline(walk),
    listed: (id) => parts.catalog.listed(id),
    position: () => JSON.stringify(parts.catalog.eventPosition()),
    dataMap: (ref, maxCells, signal) => dataMap(parts, ref, maxCells, signal),
    activity: () => activityOf(parts),
    lost: () => lostSnapshots(parts),
    inspect: (ref) => {
      if (ref === "") throw fieldInvalid("ref", "an id, a name or a unique id prefix", ref);
      return parts.catalog.resolveRef(ref);
    },
    update: (request) => during(() => updateSnapshot(parts, request)),
    delete: (request) => during(() => deleteSnapshots(parts, request)),
    download: (ref, options, signal) => {
      const { deltaFrom = "" } = options;
      if (deltaFrom === "") return openDownloadStream(parts, ref, options, signal);
      return openDeltaStream(parts, ref, { ...options, deltaFrom }, signal);
    },
    readFile: (request, signal) => readFile(parts, request, signal),
    openDataDirectory: (ref, options, signal) => openDataDirectory(parts, ref, options, signal),
    openBlocks: (ref, signal) => openBlocks(parts, ref, signal),
    withDigest: (digest) => withDigest(parts, digest),
    healFromPeer: (ref, fetch, signal) => during(() => healFromPeer(parts, ref, fetch, signal)),
    receive: (request, fill, signal) =>
      during(async () => {
        await using intake = await begin(parts, { ...request, kind: "pull" }, signal);
        return intake.earlier ?? (await intake.commit(await fill(intake)));
      }),
    verify: (request, signal) => verify(parts, request, signal),
  } satisfies Partial<SnapshotStore>;
}

/** Looks for files in very many extents if the snapshot was made as a delta. */
async function thenLookAt(parts: StoreParts, storing: Promise<Snapshot>): Promise<Snapshot> {
  const snapshot = await storing;
  if (snapshot.parentDigest !== "") rewriteFragmented(parts, snapshot.config.id);
  return snapshot;
}

/** Runs the collection, and counts it for metrics unless it is a dry run. */
async function observed(
  { observer }: StoreParts,
  { dryRun }: CollectRequest,
  collect: () => Promise<GcResult[]>,
): Promise<GcResult[]> {
  if (dryRun) return await collect();
  try {
    const results = await collect();
    observer.collectionEnded("OK");
    return results;
  } catch (error) {
    observer.collectionEnded(reasonOfError(error));
    throw error;
  }
}

const maxLost = 200;

function lostSnapshots({ catalog }: StoreParts): Snapshot[] {
  const ids = catalog.idsInState("lost").slice(0, maxLost);
  return ids.flatMap((id) => catalog.get(id) ?? []);
}

const maxWithDigest = 32;

function withDigest({ catalog }: StoreParts, digest: string): Snapshot[] {
  return catalog
    .idsWithDigest(digest, maxWithDigest)
    .flatMap((id) => catalog.get(id) ?? [])
    .filter(({ corrupt }) => !corrupt);
}
