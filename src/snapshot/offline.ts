// A store that no daemon serves, opened for check: locked, so that none starts meanwhile, and read
// as it lies there. Nothing is recovered, migrated or made.
import { existsSync, realpathSync } from "node:fs";
import { createCleanup } from "../base/cleanup.js";
import { systemClock } from "../base/clock.js";
import { isStoreError, StoreError } from "../base/errors.js";
import { openCatalogReader, type CatalogReader } from "../catalog/read-only.js";
import { layoutOf, type Layout } from "../data/layout.js";
import { lockForReading } from "../data/root-lock.js";
import { requireKnownFormat } from "../data/store-format.js";
import { createLogger } from "../base/logger.js";
import type { CheckEvent, CheckOptions, Repaired, RepairOptions } from "../model/finding.js";
import { checkStore, type CheckScene } from "./check.js";
import { isForUs } from "./repair.js";
import { openStore } from "./store.js";

/**
 * Throws ROOT_LOCKED when a daemon serves it, DIRECTORY_NOT_FOUND when there is no store, FORMAT_UNSUPPORTED when a newer
 * stasis has written it.
 */
export async function* checkOffline(
  root: string,
  options: CheckOptions,
  signal: AbortSignal,
): AsyncGenerator<CheckEvent> {
  await using cleanup = createCleanup();
  const layout = existingLayout(root);
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
 * A repair is a start of the store without anybody to serve: recovery does its part, then what is left
 * is repaired. A dry run changes nothing, and tells what recovery would do as `left`.
 */
export async function* repairOffline(
  root: string,
  options: RepairOptions,
  signal: AbortSignal,
): AsyncGenerator<Repaired> {
  existingLayout(root);
  if (options.dryRun) {
    for await (const event of checkOffline(root, options, signal)) {
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
  });
  yield* store.repair(options, signal);
}

function existingLayout(root: string): Layout {
  try {
    const layout = layoutOf(realpathSync(root));
    const { dataRoot, stagingRoot, trashRoot, quarantineRoot } = layout;
    const missing = [dataRoot, stagingRoot, trashRoot, quarantineRoot].find(
      (path) => !existsSync(path),
    );
    if (missing === undefined) return layout;
    throw noStoreError(root, `${missing} is missing`);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw noStoreError(root, error instanceof Error ? error.message : String(error));
  }
}

function noStoreError(root: string, problem: string): StoreError {
  return new StoreError("DIRECTORY_NOT_FOUND", `there is no store in ${root}: ${problem}`, {
    hint: "Give the directory that `stasis serve --root` has; a start makes what is missing below it",
    resource: { type: "directory", name: root },
  });
}

function openReader(layout: Layout): {
  readonly catalog: CatalogReader | undefined;
  readonly problem: string | undefined;
} {
  try {
    return { catalog: openCatalogReader(layout.catalogDatabase), problem: undefined };
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    return { catalog: undefined, problem: error.message };
  }
}
