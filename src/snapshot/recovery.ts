// What happens before the daemon listens: the catalog and the disk are brought to agree.
// Nothing that was acknowledged is removed here unless a caller had deleted it; what cannot be
// explained goes to quarantine. An error while listing stops recovery: it never means "empty".
import { isStoreError } from "../base/errors.js";
import { readManifest, type Manifest } from "../data/manifest.js";
import {
  discardPublished,
  listEntries,
  moveToTrash,
  purgeStaging,
  purgeTrash,
  quarantine,
} from "../data/removal.js";
import { openStored } from "../data/stored.js";
import { join } from "node:path";
import { idPattern } from "../model/name.js";
import type { StoreContext } from "./context.js";
import { isDeviceTrouble } from "../sparse/errno.js";
import { syncManifest } from "./update.js";

/** What recovery did; all zero after a clean stop. Ids and paths are in the log. */
export interface RecoveryReport {
  /** Deletions that had been interrupted and are finished. */
  deletions: number;
  /** Uploads that were never acknowledged and are gone. */
  uploads: number;
  /** Directories that were taken over, never acknowledged, and put back. */
  returned: number;
  /** Snapshots on disk that the catalog did not know. */
  adopted: number;
  /** Snapshots in the catalog whose directory is missing. */
  lost: number;
  /** Directories that could not be explained. */
  quarantined: number;
}

const notAnId = "not made by stasis: no snapshot id";

export async function recover(context: StoreContext): Promise<RecoveryReport> {
  const report: RecoveryReport = {
    deletions: 0,
    uploads: 0,
    returned: 0,
    adopted: 0,
    lost: 0,
    quarantined: 0,
  };
  await finishDeletions(context, report);
  await dropPending(context, report);
  const stored = await listStored(context, report);
  await adoptUnknown(context, stored, report);
  markMissing(context, stored, report);
  for (const id of context.catalog.manifestDirtyIds()) await syncManifest(context, id);
  await clearStaging(context, report);
  if (Object.values(report).some((count) => count > 0)) {
    context.logger.warn({ recovery: report }, "recovered after an unclean stop");
  }
  return report;
}

/** A directory in the trash was deleted, whatever an older copy of the catalog says of it. */
async function finishDeletions(context: StoreContext, report: RecoveryReport): Promise<void> {
  const { catalog, layout } = context;
  const replaced = catalog.idsInState("replaced");
  if (replaced.length > 0) catalog.markDeleting(replaced);
  for (const id of catalog.idsInState("deleting")) await moveToTrash(layout, id);
  const trashed = await listTrash(context, report);
  const gone = new Set([...catalog.idsInState("deleting"), ...trashed]);
  await purgeTrash(layout);
  for (const id of gone) catalog.removeRow(id);
  report.deletions = gone.size;
}

/** Ids in the trash; what no deletion can have put there goes to quarantine, not away. */
async function listTrash(
  context: StoreContext,
  report: RecoveryReport,
): Promise<readonly string[]> {
  const { trashRoot } = context.layout;
  const ids: string[] = [];
  for (const name of await listEntries(trashRoot)) {
    if (idPattern.test(name)) ids.push(name);
    else await setAside(context, report, join(trashRoot, name), notAnId);
  }
  return ids;
}

async function dropPending(context: StoreContext, report: RecoveryReport): Promise<void> {
  for (const { id } of context.catalog.pendingUploads()) {
    let discarded: Awaited<ReturnType<typeof discardPublished>>;
    try {
      discarded = await discardPublished(context.layout, id);
    } catch (error) {
      if (!isDeviceTrouble(error)) throw error;
      // Still pending, so nobody sees it, and the next start tries again.
      context.logger.error({ err: error, id }, "could not undo an upload that was cut short");
      continue;
    }
    const { source, quarantined } = discarded;
    if (source !== undefined) report.returned += 1;
    if (quarantined !== undefined)
      note(context, report, quarantined, "its source's place is taken");
    context.catalog.abandonPending(id);
    report.uploads += 1;
  }
}

/** Ids with a directory in `data/`; entries that are no snapshots go to quarantine. */
async function listStored(
  context: StoreContext,
  report: RecoveryReport,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  const { dataRoot } = context.layout;
  for (const name of await listEntries(dataRoot)) {
    if (idPattern.test(name)) ids.add(name);
    else await setAside(context, report, join(dataRoot, name), notAnId);
  }
  return ids;
}

async function adoptUnknown(
  context: StoreContext,
  stored: ReadonlySet<string>,
  report: RecoveryReport,
): Promise<void> {
  const lost = new Set(context.catalog.idsInState("lost"));
  const known = new Set(context.catalog.allIds());
  for (const id of stored) {
    if (known.has(id) && !lost.has(id)) continue;
    let manifest: Manifest;
    try {
      manifest = await readManifest(context.layout, id);
      await using whole = await openStored(context.layout, id, manifest.files);
      adopt(context, { ...manifest, files: whole.files });
    } catch (error) {
      if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
      await setAside(context, report, join(context.layout.dataRoot, id), error.message);
      continue;
    }
    report.adopted += 1;
    context.logger.warn({ id, name: manifest.config.name }, "adopted a snapshot found on disk");
  }
}

/** A name that is taken by now is left out: the data matters more. */
function adopt(context: StoreContext, manifest: Manifest): void {
  try {
    context.catalog.insertReady(manifest);
  } catch (error) {
    if (!isStoreError(error, "SNAPSHOT_NAME_TAKEN")) throw error;
    context.catalog.insertReady({ ...manifest, config: { ...manifest.config, name: "" } });
    const { id, name } = manifest.config;
    context.logger.warn({ id, name }, "adopted without its name, which another snapshot has");
  }
}

function markMissing(
  context: StoreContext,
  stored: ReadonlySet<string>,
  report: RecoveryReport,
): void {
  for (const id of context.catalog.idsInState("ready")) {
    if (stored.has(id)) continue;
    context.catalog.markLost(id);
    report.lost += 1;
    context.logger.error({ id }, "the directory of a stored snapshot is missing: it is lost");
  }
}

async function clearStaging(context: StoreContext, report: RecoveryReport): Promise<void> {
  const { removed, returned, quarantined, left } = await purgeStaging(context.layout);
  for (const { id, error } of left) {
    context.logger.error({ err: error, id }, "could not clear an upload that was cut short");
  }
  report.returned += returned.length;
  for (const path of quarantined) note(context, report, path, "left in staging");
  context.logger.debug({ removed, returned }, "cleared staging");
}

async function setAside(
  context: StoreContext,
  report: RecoveryReport,
  path: string,
  reason: string,
): Promise<void> {
  note(context, report, await quarantine(context.layout, path, reason), reason);
}

function note(context: StoreContext, report: RecoveryReport, path: string, reason: string): void {
  report.quarantined += 1;
  context.logger.error({ path, reason }, "moved to quarantine");
}
