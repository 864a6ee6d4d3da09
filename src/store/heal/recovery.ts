// Implements recovery, which makes the catalog and the disk agree before the daemon listens. It
// deletes nothing that was acknowledged, unless a caller had deleted it. Anything that it cannot
// explain goes to quarantine. An error while listing stops recovery and never means "empty".
//
// A full disk never stops recovery. Recovery deletes files before it drops their records, because
// changes of records need space. If a record still has no space, recovery logs that and leaves the
// record unchanged for the next start.
import { isStoreError } from "../../base/errors.js";
import type { Manifest } from "../../files/manifest.js";
import { forgetOrigin, originOf } from "../../files/origin.js";
import {
  discardPublished,
  listEntries,
  purgeRemoved,
  purgeStaging,
  purgeTrash,
  putAway,
  quarantine,
} from "../../files/removal.js";
import { join } from "node:path";
import { idPattern } from "../../model/name.js";
import { adoptAll, readNewerManifests, readWholeManifest, takeNewer } from "./adopt.js";
import { isOlderCatalog, noteCatalogPosition } from "./catalog-history.js";
import type { Healer } from "./healer.js";
import { isDeviceTrouble } from "../../holes/errno.js";
import { noteDamage } from "../parts/damage.js";
import { requireUnchanged, suspectLinks } from "../parts/linked.js";
import { recoverTakes } from "./recover-takes.js";
import { syncManifest } from "../write/update.js";

/** What recovery did. All numbers are zero after a clean stop. The log has the ids and paths. */
export interface RecoveryReport {
  /** Interrupted deletions that are now finished. */
  deletions: number;
  /** Interrupted moves of snapshots to directories that are now complete. */
  taken: number;
  /** Uploads that were never acknowledged and are now discarded. */
  uploads: number;
  /** Directories whose takeover was never acknowledged, and that are back in their old place. */
  returned: number;
  /** Snapshots on disk that the catalog did not know. */
  adopted: number;
  /** Snapshots whose manifest was newer than the catalog. */
  updated: number;
  /**
   * Snapshots that only an older copy of the catalog knew. They were deleted after the copy was
   * made.
   */
  dropped: number;
  /** Snapshots in the catalog whose directory is missing. */
  lost: number;
  /** Directories that could not be explained. */
  quarantined: number;
}

const notAnId = "not made by stasis: no snapshot id";

export async function recover(healer: Healer): Promise<RecoveryReport> {
  const report: RecoveryReport = {
    deletions: 0,
    taken: 0,
    uploads: 0,
    returned: 0,
    adopted: 0,
    updated: 0,
    dropped: 0,
    lost: 0,
    quarantined: 0,
  };
  const older = await isOlderCatalog(healer);
  if (older) healer.logger.warn("the catalog is an older copy: the disk takes precedence over it");
  await clearStaging(healer, report);
  report.taken = await recoverTakes(healer);
  await finishDeletions(healer, report);
  await dropPending(healer, older, report);
  const stored = await listStored(healer, report);
  // The names of deleted snapshots become free before adopted snapshots claim them.
  await whereRoom(healer, "record what is missing", () =>
    healer.catalog.together(() => markMissing(healer, { stored, older }, report)),
  );
  const newer = await readNewerManifests(healer, stored);
  takeNewer(healer, newer);
  report.updated = newer.length;
  await adoptUnknown(healer, { stored, older }, report);
  for (const id of healer.catalog.manifestDirtyIds()) {
    await whereRoom(healer, `write the manifest of ${id}`, () => syncUnlessNewer(healer, id));
  }
  // If the daemon was killed between the record and the answer, it left the origin markers of these
  // snapshots.
  for (const id of healer.catalog.idsWithoutDigest()) {
    await forgetOrigin(healer.layout.dataDirectory(id));
  }
  await markChangedLinks(healer);
  if (Object.values(report).some((count) => count > 0)) {
    healer.logger.warn({ recovery: report }, "recovered after an unclean stop");
  }
  await noteCatalogPosition(healer);
  return report;
}

/**
 * Marks snapshots with changed files. While the daemon was stopped, a clone may have changed a
 * stored file through its hard link.
 */
async function markChangedLinks(healer: Healer): Promise<void> {
  const { catalog, layout, logger } = healer;
  for (const id of catalog.idsWithLinks()) {
    const known = catalog.get(id);
    if (known?.state !== "ready" || known.corrupt) continue;
    const pathOf = (name: string): string => join(layout.filesDirectory(id), name);
    try {
      requireUnchanged(healer, { id, pathOf });
    } catch (error) {
      logger.error({ err: error, id }, "a linked file of a snapshot is not as it was");
      await whereRoom(healer, `mark ${id}`, () => noteDamage(healer, id, error));
    }
  }
}

/** Runs one step. If the disk has no space for it, logs the work that was left. */
async function whereRoom(
  { logger }: Healer,
  what: string,
  step: () => void | Promise<void>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
    logger.error({ err: error }, `no room on the disk to ${what}: the next start does it`);
  }
}

/**
 * Writes the manifest. If a newer stasis has written the existing one, leaves it and the record's
 * mark as they are, because this program must not overwrite fields that it does not know.
 */
async function syncUnlessNewer(healer: Healer, id: string): Promise<void> {
  try {
    await syncManifest(healer, id);
  } catch (error) {
    if (!isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
    healer.logger.error({ err: error, id }, "left a manifest of a newer stasis as it is");
  }
}

/**
 * Finishes deletions. A directory in the trash was deleted, even if an older copy of the catalog
 * disagrees.
 */
async function finishDeletions(healer: Healer, report: RecoveryReport): Promise<void> {
  const { catalog, layout } = healer;
  const removed = [...catalog.idsInState("replaced"), ...catalog.idsInState("deleting")];
  for (const id of removed) await putAway(layout, id);
  const trashed = await listTrash(healer, report);
  const gone = new Set([...removed, ...trashed]);
  await purgeTrash(layout);
  for (const id of removed) await purgeRemoved(layout, id);
  await whereRoom(healer, "drop the records of deleted snapshots", () =>
    catalog.together(() => {
      for (const id of gone) catalog.removeRow(id);
    }),
  );
  report.deletions = gone.size;
}

/**
 * Returns the ids in the trash. An entry that no deletion can have put there goes to quarantine.
 */
async function listTrash(healer: Healer, report: RecoveryReport): Promise<readonly string[]> {
  const { trashRoot } = healer.layout;
  const ids: string[] = [];
  for (const name of await listEntries(trashRoot)) {
    if (idPattern.test(name)) ids.push(name);
    else await setAside(healer, report, join(trashRoot, name), notAnId);
  }
  return ids;
}

/** The state of the disk, and whether it takes precedence over the catalog. */
interface FoundOnDisk {
  /** Ids with a directory in `data/`. */
  readonly stored: ReadonlySet<string>;
  /** Whether the catalog is an older copy. */
  readonly older: boolean;
}

async function dropPending(healer: Healer, older: boolean, report: RecoveryReport): Promise<void> {
  for (const { id } of healer.catalog.pendingUploads()) {
    if (older && (await wasPublished(healer, id))) {
      // The upload may have been acknowledged after the copy was made, so recovery adopts it like
      // an unknown snapshot.
      healer.catalog.abandonPending(id);
      continue;
    }
    let discarded: Awaited<ReturnType<typeof discardPublished>>;
    try {
      discarded = await discardPublished(healer.layout, id);
    } catch (error) {
      if (!isDeviceTrouble(error) && !isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
      // The upload is still pending, so nobody sees it, and the next start tries again.
      healer.logger.error({ err: error, id }, "could not undo an upload that was cut short");
      continue;
    }
    const { source, quarantined } = discarded;
    if (source !== undefined) report.returned += 1;
    if (quarantined !== undefined) note(healer, report, quarantined, "its source's place is taken");
    await whereRoom(healer, `drop the record of the upload ${id}`, () =>
      healer.catalog.abandonPending(id),
    );
    report.uploads += 1;
  }
}

/**
 * Returns true if the snapshot's directory need not return to its old place, and the snapshot
 * either is complete or was written by a newer stasis.
 */
async function wasPublished(healer: Healer, id: string): Promise<boolean> {
  if ((await originOf(healer.layout.dataDirectory(id))) !== undefined) return false;
  try {
    await readWholeManifest(healer, id);
    return true;
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) return true;
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    return false;
  }
}

/** Returns the ids with a directory in `data/`. Entries that are not snapshots go to quarantine. */
async function listStored(healer: Healer, report: RecoveryReport): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  const { dataRoot } = healer.layout;
  for (const name of await listEntries(dataRoot)) {
    if (idPattern.test(name)) ids.add(name);
    else await setAside(healer, report, join(dataRoot, name), notAnId);
  }
  return ids;
}

async function adoptUnknown(
  healer: Healer,
  { stored, older }: FoundOnDisk,
  report: RecoveryReport,
): Promise<void> {
  const lost = new Set(healer.catalog.idsInState("lost"));
  const known = new Set(healer.catalog.allIds());
  const whole: Manifest[] = [];
  for (const id of stored) {
    if (known.has(id) && !lost.has(id)) continue;
    try {
      whole.push(await readWholeManifest(healer, id));
    } catch (error) {
      if (isStoreError(error, "FORMAT_UNSUPPORTED")) {
        healer.logger.error({ err: error, id }, "left a snapshot of a newer stasis as it is");
        continue;
      }
      if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
      await setAside(healer, report, join(healer.layout.dataRoot, id), error.message);
    }
  }
  adoptAll(healer, whole, { older });
  for (const { id, files } of whole) {
    const names = files.map(({ name }) => name);
    const pathOf = (name: string): string => join(healer.layout.filesDirectory(id), name);
    await whereRoom(healer, `record the links of ${id}`, () =>
      suspectLinks(healer, { id, pathOf }, names),
    );
  }
  report.adopted += whole.length;
}

function markMissing(healer: Healer, { stored, older }: FoundOnDisk, report: RecoveryReport): void {
  const { catalog, logger } = healer;
  for (const id of catalog.idsInState("ready")) {
    if (stored.has(id)) continue;
    if (older) {
      // Most likely the snapshot was deleted after the copy was made. A permanent alarm would help
      // nobody.
      const name = catalog.get(id)?.config.name;
      logger.error({ id, name }, "only the older copy of the catalog knows it: dropped");
      catalog.removeRow(id);
      report.dropped += 1;
      continue;
    }
    catalog.markLost(id);
    report.lost += 1;
    logger.error({ id }, "the directory of a stored snapshot is missing: it is lost");
  }
}

async function clearStaging(healer: Healer, report: RecoveryReport): Promise<void> {
  const { removed, returned, quarantined, left } = await purgeStaging(healer.layout);
  for (const { id, error } of left) {
    healer.logger.error({ err: error, id }, "could not clear an upload that was cut short");
  }
  report.returned += returned.length;
  for (const path of quarantined) note(healer, report, path, "left in staging");
  healer.logger.debug({ removed, returned }, "cleared staging");
}

async function setAside(
  healer: Healer,
  report: RecoveryReport,
  path: string,
  reason: string,
): Promise<void> {
  await whereRoom(healer, `move ${path} to quarantine (${reason})`, async () => {
    note(healer, report, await quarantine(healer.layout, path, reason), reason);
  });
}

function note(healer: Healer, report: RecoveryReport, path: string, reason: string): void {
  report.quarantined += 1;
  healer.logger.error({ path, reason }, "moved to quarantine");
}
