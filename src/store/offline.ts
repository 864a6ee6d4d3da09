// Opens a store that no daemon serves, for `check`. It locks the store, so that no daemon starts
// meanwhile, and reads it as it is. It recovers, migrates and creates nothing.
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { createCleanup } from "../base/cleanup.js";
import { systemClock } from "../base/clock.js";
import { StoreError, isStoreError, messageOf } from "../base/errors.js";
import { closedPlace, describeOwner, userName } from "../base/owner.js";
import { openOfflineCatalog, type OfflineCatalog } from "../catalog/read-only.js";
import { readOnlyError } from "../files/disk-state.js";
import { layoutOf, type Layout } from "../files/layout.js";
import { lockForReading } from "../files/root-lock.js";
import { requireKnownFormat } from "../files/store-format.js";
import { createLogger } from "../base/logger.js";
import type { CheckEvent, CheckOptions, Repaired, RepairOptions } from "../model/finding.js";
import { checkStore } from "./heal/check.js";
import type { CheckScene } from "./heal/check-scene.js";
import { isErrno } from "../holes/errno.js";
import { isForUs } from "./heal/repair.js";
import { openStore, type StoreOptions } from "./store.js";

/**
 * Throws ROOT_LOCKED if a daemon serves the store, and DIRECTORY_NOT_FOUND if there is no store.
 * Throws ACCESS_DENIED if it belongs to another user, and FORMAT_UNSUPPORTED if a newer stasis has
 * written it.
 */
export async function* checkUnserved(
  root: string,
  options: CheckOptions,
  signal: AbortSignal,
): AsyncGenerator<CheckEvent> {
  await using cleanup = createCleanup();
  const layout = existingLayout(root, constants.R_OK);
  requireKnownFormat(layout);
  using _lock = await lockForReading(layout);
  requireKnownFormat(layout);
  const { catalog, problem } = openReader(layout);
  cleanup.defer(async () => catalog?.[Symbol.asyncDispose]());
  const scene: CheckScene = {
    layout,
    clock: systemClock,
    catalog,
    ...(problem === undefined ? {} : { catalogProblem: problem }),
  };
  yield* checkStore(scene, options, signal);
}

/**
 * Repairs by starting the store without serving callers: recovery does its part, then repair
 * handles the other findings. A dry run changes nothing, and reports what recovery would do with
 * the outcome `left`.
 */
export async function* repairUnserved(
  root: string,
  options: RepairOptions,
  signal: AbortSignal,
  storeOptions: StoreOptions,
): AsyncGenerator<Repaired> {
  existingLayout(root, options.dryRun ? constants.R_OK : constants.R_OK | constants.W_OK);
  if (options.dryRun) {
    for await (const event of checkUnserved(root, options, signal)) {
      if (event.kind !== "finding") continue;
      const { finding } = event;
      yield { finding, outcome: isForUs(finding) ? "planned" : "left", message: "" };
    }
    return;
  }
  await using store = await openStore({
    root,
    clock: systemClock,
    logger: createLogger("error"),
    options: storeOptions,
  });
  yield* store.repair(options, signal);
}

/**
 * Returns the layout of the store at `root`. `mode` is the access that this process needs there,
 * see access(2).
 */
function existingLayout(root: string, mode: number): Layout {
  try {
    const layout = layoutOf(realpathSync(root));
    const { dataRoot, stagingRoot, trashRoot, quarantineRoot } = layout;
    for (const path of [root, dataRoot, stagingRoot, trashRoot, quarantineRoot]) {
      accessSync(path, mode | constants.X_OK);
    }
    for (const path of [layout.catalogDatabase, layout.lockDatabase]) {
      if (existsSync(path)) accessSync(path, mode);
    }
    return layout;
  } catch (error) {
    if (isErrno(error, "EACCES", "EPERM")) throw deniedError(root, error);
    if (isErrno(error, "EROFS")) throw readOnlyError(root, error);
    throw noStoreError(root, messageOf(error));
  }
}

function deniedError(root: string, cause: unknown): StoreError {
  const { path, stats } = closedPlace(resolve(root));
  const where = path === resolve(root) ? "" : `: it is below ${path}`;
  const message = `permission denied on the store in ${root}${where}, which ${describeOwner(stats)}`;
  return new StoreError("ACCESS_DENIED", message, {
    hint: `Run this as ${userName(stats.uid)}, or with sudo`,
    resource: { type: "directory", name: root },
    cause,
  });
}

function noStoreError(root: string, problem: string): StoreError {
  return new StoreError("DIRECTORY_NOT_FOUND", `there is no store in ${root}: ${problem}`, {
    hint: "Give the directory that `stasis serve --root` has; a start makes what is missing below it",
    resource: { type: "directory", name: root },
  });
}

function openReader(layout: Layout): {
  readonly catalog: OfflineCatalog | undefined;
  readonly problem: string | undefined;
} {
  try {
    return { catalog: openOfflineCatalog(layout.catalogDatabase), problem: undefined };
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    return { catalog: undefined, problem: error.message };
  }
}
