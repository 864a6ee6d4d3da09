// Makes records from manifests, for snapshots that the catalog does not know, or knows only in an
// older state.
import { isStoreError } from "../../base/errors.js";
import type { AdoptedSnapshot } from "../../catalog/open.js";
import { peekRevision, readManifest, type Manifest } from "../../files/manifest.js";
import { openStored } from "../../files/stored.js";
import { chargeGrowth } from "../../model/charge.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Healer } from "./healer.js";

/**
 * Reads the manifest. Throws STORED_DATA_CORRUPT unless the manifest and the files exist and match.
 */
export async function readWholeManifest(healer: Healer, id: string): Promise<Manifest> {
  const manifest = await readManifest(healer.layout, id);
  await using whole = await openStored(healer.layout, id, manifest.files);
  return { ...manifest, files: whole.files };
}

/**
 * Adopts snapshots that the catalog does not know. If several have one name, the newest keeps it: a
 * replacement made the newest, and the others were about to be deleted. If `older` is set, the
 * catalog is an older copy. The newest snapshot then also takes the name from an older snapshot
 * that the catalog knows.
 */
export function adoptAll(
  healer: Healer,
  manifests: readonly Manifest[],
  { older }: { readonly older: boolean },
): void {
  const newestFirst = [...manifests].sort(
    (a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1),
  );
  for (let from = 0; from < newestFirst.length; from += perCommit) {
    const some = newestFirst.slice(from, from + perCommit);
    healer.catalog.together(() => {
      for (const manifest of some) {
        if (older) freeName(healer, manifest);
        adopt(healer, manifest);
      }
    });
    for (const { id, config } of some) {
      healer.logger.warn({ id, name: config.name }, "adopted a snapshot found on disk");
    }
  }
}

/**
 * The number of snapshots in one commit. The write-ahead log of such a commit has some megabytes.
 */
const perCommit = 1000;

/** Takes the name from the snapshot that has it, if that snapshot is older. */
function freeName({ catalog, logger }: Healer, { config, createdAt }: Manifest): void {
  const owner = config.name === "" ? undefined : catalog.idOfName(config.name);
  const known = owner === undefined ? undefined : catalog.get(owner);
  if (known === undefined || known.createdAt >= createdAt) return;
  catalog.update(known.config.id, { name: "" });
  const ids = { id: known.config.id, name: config.name, newOwner: config.id };
  logger.warn(ids, "a newer snapshot on disk has this name: the older one continues without it");
}

/**
 * Adopts the snapshot without its name if another snapshot has that name by now, because the data
 * matters more.
 */
function adopt(healer: Healer, manifest: Manifest): void {
  try {
    healer.catalog.insertReady(manifest);
  } catch (error) {
    if (!isStoreError(error, "SNAPSHOT_NAME_TAKEN")) throw error;
    healer.catalog.insertReady({ ...manifest, config: { ...manifest.config, name: "" } });
    const { id, name } = manifest.config;
    healer.logger.warn({ id, name }, "adopted without its name, which another snapshot has");
  }
}

/** Returns the manifests that are newer than their records, of ready snapshots that are stored. */
export async function readNewerManifests(
  healer: Healer,
  stored: ReadonlySet<string>,
): Promise<Manifest[]> {
  const { catalog, layout, logger } = healer;
  const newer: Manifest[] = [];
  for (const { id, revision } of catalog.readyRevisions()) {
    if (!stored.has(id)) continue;
    try {
      if ((peekRevision(layout, id) ?? 0) <= revision) continue;
      const manifest = await readManifest(layout, id);
      if (manifest.revision > revision) newer.push(manifest);
    } catch (error) {
      // The record still serves the snapshot. Check reports the bad manifest.
      logger.error({ err: error, id }, "could not read a manifest");
    }
  }
  return newer;
}

/**
 * Replaces records that are older than their manifests. Two such snapshots may have exchanged
 * names. A snapshot whose name is still taken gets it after all others have released theirs.
 */
export function takeNewer(healer: Healer, manifests: readonly Manifest[]): void {
  healer.catalog.together(() => {
    const blocked = manifests.filter((each) => !tryTake(healer, each, each.config.name));
    for (const manifest of blocked) tryTake(healer, manifest, "");
    // If a name is still taken, the manifest of its owner is not newer, so the owner keeps it.
    for (const manifest of blocked) tryTake(healer, manifest, manifest.config.name);
  });
}

function chargeAfter({ chargedBytes, config }: Snapshot, manifest: Manifest): number {
  return Math.max(0, chargedBytes + chargeGrowth(config, manifest.config));
}

function tryTake(healer: Healer, manifest: Manifest, name: string): boolean {
  const { catalog, logger } = healer;
  const { id, revision } = manifest;
  // `before` is also undefined if the configuration in the record cannot be read.
  const before = catalog.auditRow(id)?.snapshot;
  const used = catalog.gcSnapshot("", id);
  const links = catalog.linkedFiles(id);
  const adopted: AdoptedSnapshot = {
    ...manifest,
    config: { ...manifest.config, name },
    ...(before === undefined ? {} : { chargedBytes: chargeAfter(before, manifest) }),
    ...(before === undefined ? {} : { lastAccessedAt: before.lastAccessedAt }),
    ...(used === undefined ? {} : { lastUsedMs: used.lastUsedMs }),
  };
  try {
    catalog.insertReady(adopted, { overwrite: true });
  } catch (error) {
    if (!isStoreError(error, "SNAPSHOT_NAME_TAKEN")) throw error;
    return false;
  }
  if (before?.corrupt === true) catalog.setCorrupt(id, true);
  // The new record of the snapshot has replaced the old one with its links.
  if (links.length > 0) catalog.setLinkedFiles(id, links);
  logger.info({ id, name, revision }, "the manifest is newer than the record: taken from it");
  return true;
}
