// Takes directories out of use: moves them to the trash or to quarantine, returns them to their
// owner, or deletes them.
import { opendir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isStoreError, messageOf } from "../base/errors.js";
import { idPattern } from "../model/name.js";
import { ioError, isDeviceTrouble, isErrno } from "../holes/errno.js";
import { reflinkProbePrefix } from "../holes/sparse-copy.js";
import { disk } from "../holes/file-operations.js";
import {
  exists,
  fsyncDirectory,
  fsyncParents,
  removeTree,
  renameOnly,
  writeFileDurably,
} from "./durable.js";
import { giveBack, originOf } from "./origin.js";
import { manifestFileName, type Layout } from "./layout.js";

/**
 * Moves a stored snapshot to the trash, durably. Open readers continue. A second call has no
 * effect. Returns false if there was nothing to move in `data/`.
 */
export async function moveToTrash(layout: Layout, id: string): Promise<boolean> {
  const from = layout.dataDirectory(id);
  const to = layout.trashDirectory(id);
  const moved = await renameIfThere(from, to);
  // A sync is needed even if an earlier call moved the directory and failed afterwards.
  await fsyncParents(from, to);
  return moved;
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await renameOnly(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: `rename to ${to}`, path: from });
  }
}

/**
 * Moves a stored snapshot to the trash like `moveToTrash`, but also works if the filesystem has no
 * space for a rename: on btrfs a rename may need more space than any deletion frees. In that case
 * this deletes only the manifest, so that recovery does not adopt the directory, which stays in
 * `data/` for `purgeRemoved`.
 */
export async function putAway(layout: Layout, id: string): Promise<void> {
  try {
    await moveToTrash(layout, id);
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
    await dropManifest(layout.dataDirectory(id));
  }
}

async function dropManifest(directory: string): Promise<void> {
  const path = join(directory, manifestFileName);
  try {
    await disk.unlink(path);
  } catch (error) {
    // The manifest is missing if the rename succeeded and only its sync failed.
    if (!isErrno(error, "ENOENT")) throw ioError(error, { what: "remove the manifest", path });
  }
  if (await exists(directory)) await fsyncDirectory(directory);
}

/**
 * Deletes what `putAway` has left of a snapshot, in the trash or in `data/`. Has no effect if
 * nothing is left.
 */
export async function purgeRemoved(layout: Layout, id: string): Promise<void> {
  await removeTree(layout.trashDirectory(id));
  await removeTree(layout.dataDirectory(id));
}

/**
 * Empties the trash and returns the ids whose space was freed. Call this only at start, when no
 * reader exists.
 */
export async function purgeTrash(layout: Layout, signal?: AbortSignal): Promise<readonly string[]> {
  const names = await listEntries(layout.trashRoot);
  for (const name of names) {
    signal?.throwIfAborted();
    await removeTree(join(layout.trashRoot, name));
  }
  return names;
}

interface StagingPurge {
  /**
   * Ids of the areas that were deleted, including those whose directory has returned to its old
   * place.
   */
  readonly removed: readonly string[];
  /** Directories that had been taken over and have returned to their old place. */
  readonly returned: readonly { readonly id: string; readonly source: string }[];
  /**
   * Paths in quarantine of entries that are not staging areas, and of areas whose directory could
   * not return, for example because something else is at its old place.
   */
  readonly quarantined: readonly string[];
  /**
   * Areas that stay in staging for the next start: the device failed, or a newer stasis wrote them.
   */
  readonly left: readonly { readonly id: string; readonly error: unknown }[];
}

/**
 * Discards the leftovers in staging after a crash, except for the ids to keep. A directory that was
 * taken over is never discarded: it returns to its old place, goes into quarantine, or stays for
 * the next start.
 */
export async function purgeStaging(
  layout: Layout,
  keepIds: ReadonlySet<string> = new Set(),
  signal?: AbortSignal,
): Promise<StagingPurge> {
  const removed: string[] = [];
  const returned: { id: string; source: string }[] = [];
  const quarantined: string[] = [];
  const left: { id: string; error: unknown }[] = [];
  for (const id of await listEntries(layout.stagingRoot)) {
    signal?.throwIfAborted();
    if (keepIds.has(id)) continue;
    const path = join(layout.stagingRoot, id);
    if (id.startsWith(reflinkProbePrefix)) {
      await removeTree(path);
      continue;
    }
    if (!idPattern.test(id)) {
      quarantined.push(await quarantine(layout, path, "not made by stasis: no snapshot id"));
      continue;
    }
    let outcome: Discarded;
    try {
      outcome = await discardDirectory(layout, path);
    } catch (error) {
      if (!isDeviceTrouble(error) && !isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
      left.push({ id, error });
      continue;
    }
    if (outcome.source !== undefined) returned.push({ id, source: outcome.source });
    if (outcome.quarantined === undefined) removed.push(id);
    else quarantined.push(outcome.quarantined);
  }
  return { removed, returned, quarantined, left };
}

interface Discarded {
  /** The place to which a directory that was taken over has returned. */
  readonly source?: string;
  /** The path in quarantine, if the directory could not return to its old place. */
  readonly quarantined?: string;
}

/**
 * Deletes the directory of a snapshot that the catalog does not have. A directory that was taken
 * over first returns to its old place, or the whole goes into quarantine if it cannot. If the
 * device fails, or if only a newer stasis can handle the directory, this throws and leaves the
 * directory for a later attempt.
 */
export async function discardDirectory(layout: Layout, path: string): Promise<Discarded> {
  let source: string | undefined;
  try {
    source = await giveBack(path);
  } catch (error) {
    if (isDeviceTrouble(error) || isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
    const reason = `could not be restored: ${messageOf(error)}`;
    return { quarantined: await quarantine(layout, path, reason) };
  }
  await removeTree(path);
  return source === undefined ? {} : { source };
}

/**
 * Discards a published snapshot that could not be recorded. The change is durable when this
 * returns.
 */
export async function discardPublished(layout: Layout, id: string): Promise<Discarded> {
  const path = layout.dataDirectory(id);
  if ((await originOf(path)) !== undefined) {
    const discarded = await discardDirectory(layout, path);
    await fsyncDirectory(layout.dataRoot);
    return discarded;
  }
  await putAway(layout, id);
  await purgeRemoved(layout, id);
  return {};
}

/**
 * Moves a directory or file to quarantine, with the reason in a text file beside it. Returns its
 * new path. stasis never deletes anything from quarantine.
 */
export async function quarantine(layout: Layout, path: string, reason: string): Promise<string> {
  const target = await moveToFreeName(path, join(layout.quarantineRoot, basename(path)));
  await fsyncParents(path, target);
  const text = `from: ${path}\nreason: ${reason}\n`;
  try {
    await writeFileDurably(`${target}.reason.txt`, Buffer.from(text));
  } catch (error) {
    // The log also contains the reason, and a full disk must not prevent a start.
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
  }
  return target;
}

const maxSameNames = 10_000;

async function moveToFreeName(from: string, wanted: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const to = attempt === 1 ? wanted : `${wanted}.${attempt}`;
    try {
      await renameOnly(from, to);
      return to;
    } catch (error) {
      if (isErrno(error, "EEXIST", "ENOTEMPTY") && attempt < maxSameNames) continue;
      throw ioError(error, { what: `move to ${dirname(to)}`, path: from });
    }
  }
}

/**
 * Returns the names in one of the store's directories, sorted. An error is thrown, so an empty list
 * always means an empty directory.
 */
export async function listEntries(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(directory)) names.push(entry.name);
  } catch (error) {
    throw ioError(error, { what: "list", path: directory });
  }
  return names.sort();
}
