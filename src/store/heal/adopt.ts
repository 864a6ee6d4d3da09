// Records made from manifests: of snapshots that the catalog does not know, or knows less well.
import { isStoreError } from "../../base/errors.js";
import type { AdoptedSnapshot } from "../../catalog/open.js";
import { peekRevision, readManifest, type Manifest } from "../../files/manifest.js";
import { openStored } from "../../files/stored.js";
import { chargeGrowth } from "../../model/charge.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Healer } from "./healer.js";

/** STORED_DATA_CORRUPT unless manifest and files are there and fit. */
export async function readWholeManifest(healer: Healer, id: string): Promise<Manifest> {
  const manifest = await readManifest(healer.layout, id);
  await using whole = await openStored(healer.layout, id, manifest.files);
  return { ...manifest, files: whole.files };
}

/**
 * Takes snapshots into the catalog that it does not know. Of several with one name the newest keeps
 * it: it is what a replacement has made, and its directory outlives the others by an instant only.
 * `older`: the catalog is an older copy, so that the newest goes before those that it knows too.
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

/** Some megabytes of log. */
const perCommit = 1000;

/** Takes the name from an older snapshot. */
function freeName({ catalog, logger }: Healer, { config, createdAt }: Manifest): void {
  const owner = config.name === "" ? undefined : catalog.idOfName(config.name);
  const known = owner === undefined ? undefined : catalog.get(owner);
  if (known === undefined || known.createdAt >= createdAt) return;
  catalog.update(known.config.id, { name: "" });
  const ids = { id: known.config.id, name: config.name, newOwner: config.id };
  logger.warn(ids, "a newer snapshot on disk has this name: the older one goes on without");
}

/** A name that is taken by now is left out: the data matters more. */
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

/** Manifests of ready snapshots, among those stored, that know more than their records. */
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
      // The record serves it. That its manifest is bad is for check to tell.
      logger.error({ err: error, id }, "could not read a manifest");
    }
  }
  return newer;
}

/**
 * Makes the records again that are older than their manifests. Those whose names others of them
 * still have in the catalog go without until all have given theirs up.
 */
export function takeNewer(healer: Healer, manifests: readonly Manifest[]): void {
  healer.catalog.together(() => {
    const blocked = manifests.filter((each) => !tryTake(healer, each, each.config.name));
    for (const manifest of blocked) tryTake(healer, manifest, "");
    // A name that is still taken is that of a snapshot whose manifest is no newer: it keeps it.
    for (const manifest of blocked) tryTake(healer, manifest, manifest.config.name);
  });
}

function chargeAfter({ chargedBytes, config }: Snapshot, manifest: Manifest): number {
  return Math.max(0, chargedBytes + chargeGrowth(config, manifest.config));
}

function tryTake(healer: Healer, manifest: Manifest, name: string): boolean {
  const { catalog, logger } = healer;
  const { id, revision } = manifest;
  // Undefined also if its configuration cannot be read.
  const before = catalog.auditRow(id)?.snapshot;
  const used = catalog.gcSnapshot("", id);
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
  logger.info({ id, name, revision }, "the manifest is newer than the record: taken from it");
  return true;
}
