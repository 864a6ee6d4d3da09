// Completes or undoes the moves out of the store that a crash has interrupted. The files decide: if
// the directory with the snapshot's files is still in the store, none of them has left, because one
// rename moves the whole directory.
import { isStoreError } from "../../base/errors.js";
import { exists } from "../../files/durable.js";
import { hasFiles, sealFilesAgain } from "../../files/take.js";
import { isDeviceTrouble } from "../../holes/errno.js";
import { withBallast } from "../parts/room.js";
import type { Healer } from "./healer.js";

/**
 * Returns the number of moves that are now complete. Call it before recovery finishes deletions.
 * Moves that a failing or full disk prevents are left to the next start.
 */
export async function recoverTakes(healer: Healer): Promise<number> {
  const { catalog, leases, logger } = healer;
  let completed = 0;
  for (const { id, directory } of catalog.unfinishedTakes()) {
    const left = await hasLeft(healer, id);
    try {
      if (left) await complete(healer, id, directory);
      else await undo(healer, id, directory);
      if (left) completed += 1;
    } catch (error) {
      if (!isDeviceTrouble(error) && !isStoreError(error, "STORAGE_FULL")) throw error;
      logger.error(
        { err: error, id, directory },
        "could not complete or undo a move to a directory",
      );
      // Nobody may use the snapshot without its files.
      if (left) leases.exclude(id, "TakeToDirectory");
    }
  }
  return completed;
}

async function complete(
  { catalog, layout, logger }: Healer,
  id: string,
  directory: string,
): Promise<void> {
  await withBallast(layout, () => {
    catalog.finishTake(id);
  });
  logger.warn({ id, directory }, "completed the interrupted move of a snapshot to a directory");
}

async function undo(
  { catalog, layout, logger }: Healer,
  id: string,
  directory: string,
): Promise<void> {
  if (await hasFiles(layout, id)) await sealFilesAgain(layout, id, catalog.files(id));
  await withBallast(layout, () => {
    catalog.abandonTake(id);
  });
  logger.warn({ id, directory }, "undid the interrupted move of a snapshot: it is in the store");
}

/**
 * Returns whether the files have left the store. A deletion is not such a move, and neither is the
 * loss of the snapshot's whole directory.
 */
async function hasLeft({ catalog, layout }: Healer, id: string): Promise<boolean> {
  const state = catalog.get(id)?.state;
  if (state !== "ready" && state !== "replaced") return false;
  return (await exists(layout.dataDirectory(id))) && !(await hasFiles(layout, id));
}
