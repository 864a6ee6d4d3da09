// Opens the catalog. If it is damaged, makes a new one, which recovery then rebuilds from the
// manifests.
import { existsSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import type { Clock } from "../../base/clock.js";
import { StoreError, isStoreError } from "../../base/errors.js";
import type { Logger } from "../../base/logger.js";
import { openCatalog, type Catalog, type CatalogOptions } from "../../catalog/open.js";
import { isShortOfRoom, releaseBallast } from "../../files/ballast.js";
import { fsyncDirectory } from "../../files/durable.js";
import type { Layout } from "../../files/layout.js";
import { purgeStaging } from "../../files/removal.js";

async function openOrRebuildCatalog(
  layout: Layout,
  options: CatalogOptions,
  logger: Logger,
): Promise<Catalog> {
  try {
    return openTwice(layout, options, logger);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    const kept = await setAside(layout, options.clock);
    logger.error({ err: error, kept }, "the catalog is damaged: rebuilding it from the manifests");
    return openSound(layout, options);
  }
}

/**
 * Opens the catalog on a disk that may be full. SQLite has to create its log file. If SQLite cannot
 * create it, this function discards interrupted uploads, which frees bytes and inodes.
 */
export async function openCatalogWithRoom(
  layout: Layout,
  options: CatalogOptions,
  logger: Logger,
): Promise<Catalog> {
  const open = () => openOrRebuildCatalog(layout, options, logger);
  if (await isShortOfRoom(layout)) await releaseBallast(layout);
  try {
    return await open();
  } catch (error) {
    if (!(await isForWantOfRoom(layout, error))) throw error;
    logger.warn({ err: error }, "no room to open the catalog: clearing staging first");
  }
  await purgeStaging(layout);
  try {
    return await open();
  } catch (error) {
    throw (await isForWantOfRoom(layout, error)) ? noRoomError(layout, error) : error;
  }
}

/** Returns whether a full disk is the cause: SQLite does not say why it could not create a file. */
async function isForWantOfRoom(layout: Layout, error: unknown): Promise<boolean> {
  if (isStoreError(error, "STORAGE_FULL")) return true;
  return isStoreError(error, "IO_FAILED") && (await isShortOfRoom(layout));
}

function noRoomError(layout: Layout, cause: unknown): StoreError {
  return new StoreError(
    "STORAGE_FULL",
    `the filesystem of ${layout.root} has no room for the catalog's log, and the store has no reserved space left to release`,
    { hint: "Free some megabytes and some inodes there, then start the daemon again", cause },
  );
}

/**
 * Opens the catalog, twice if need be: SQLite reports some failed reads as damage. A catalog is set
 * aside only if both attempts report damage.
 */
function openTwice(layout: Layout, options: CatalogOptions, logger: Logger): Catalog {
  try {
    return openSound(layout, options);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    logger.warn({ err: error }, "the catalog looks damaged: looking at it again");
    return openSound(layout, options);
  }
}

function openSound(layout: Layout, options: CatalogOptions): Catalog {
  const catalog = openCatalog(layout.catalogDatabase, options);
  try {
    const problems = catalog.checkIntegrity();
    if (problems.length === 0) return catalog;
    throw new StoreError("STORED_DATA_CORRUPT", `the catalog is damaged: ${problems.join("; ")}`, {
      hint: "The daemon sets it aside at its next start and builds it again from the manifests",
    });
  } catch (error) {
    catalog.close();
    throw error;
  }
}

/**
 * Sets the catalog's files aside. This function only renames them, because nothing but SQLite may
 * ever open them.
 */
async function setAside(layout: Layout, clock: Clock): Promise<string[]> {
  const stamp = clock.now().toISOString().replaceAll(":", "-");
  const kept: string[] = [];
  for (const suffix of ["", "-wal", "-shm"]) {
    const from = `${layout.catalogDatabase}${suffix}`;
    if (!existsSync(from)) continue;
    const to = join(layout.quarantineRoot, `${basename(layout.catalogDatabase)}.${stamp}${suffix}`);
    renameSync(from, to);
    kept.push(to);
  }
  await fsyncDirectory(layout.root);
  await fsyncDirectory(layout.quarantineRoot);
  return kept;
}
