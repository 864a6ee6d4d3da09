// Moves the data files of a stored snapshot to a caller's directory by renaming their directory.
//
// The rename is the decisive step: before it the files are in the store, and after it they are at
// the target. Everything else is done in the store before the rename, so that a start after a crash
// need not touch the caller's directory: it only checks whether `data/<id>/files` still exists.
import type { BigIntStats, Stats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError, fieldInvalid, isStoreError } from "../base/errors.js";
import { isErrno, ioError, withIoError } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import type { CallerPath } from "../model/caller-path.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { exists, fsyncBeforeMove, fsyncDirectory, fsyncFile, renameOnly } from "./durable.js";
import { holdEntry, holdPlace, requireOwner, type HeldPlace } from "./held-directory.js";
import type { Layout } from "./layout.js";
import {
  attributesOf,
  restoreAttributes,
  sealFile,
  sealFilesDirectory,
  type Attributes,
} from "./stored-modes.js";
import { aboutDirectory, requireEmpty } from "./target-directory.js";

/**
 * The place outside the store that the files move to. Disposing of it closes its parent directory.
 */
export interface TakeTarget extends AsyncDisposable {
  readonly path: string;
  readonly place: HeldPlace;
  /** Attributes of the empty directory at the target. Undefined if nothing exists there. */
  readonly replaced: Attributes | undefined;
}

/**
 * Opens the place at `target`. Throws FIELD_INVALID if the path is not permitted or the target is
 * not a directory, DIRECTORY_NOT_FOUND if its parent is missing, DIRECTORY_NOT_EMPTY if the
 * directory has entries, and CROSS_FILESYSTEM if the target is not on the store's filesystem.
 */
export async function holdTakeTarget(layout: Layout, target: CallerPath): Promise<TakeTarget> {
  const place = await holdPlace(layout, target).catch((error: unknown) => {
    throw isStoreError(error, "DIRECTORY_NOT_FOUND") ? aboutDirectory(error, target.path) : error;
  });
  try {
    // The move changes an entry of the parent, so the parent must belong to the caller too.
    await requireOwner(place.parent, target);
    await requireSameFilesystem(layout, place);
    const replaced = await lookAtTarget(place, target);
    const close = (): PromiseLike<void> => place[Symbol.asyncDispose]();
    return { path: place.path, place, replaced, [Symbol.asyncDispose]: close };
  } catch (error) {
    await place[Symbol.asyncDispose]();
    throw error;
  }
}

async function requireSameFilesystem(layout: Layout, { parent, path }: HeldPlace): Promise<void> {
  const context = { what: "look at the target's parent", path, owner: "caller" } as const;
  const [there, here] = await withIoError(context, () =>
    Promise.all([stat(parent.self), stat(layout.dataRoot)]),
  );
  if (there.dev !== here.dev) throw acrossFilesystems(path);
}

function acrossFilesystems(path: string, cause?: unknown): StoreError {
  return new StoreError(
    "CROSS_FILESYSTEM",
    `the files of the snapshot cannot be moved to ${path}, which is on another filesystem or mount`,
    {
      hint: "Choose a directory on the filesystem of the store, or clone the snapshot and delete it",
      resource: { type: "directory", name: path },
      cause,
    },
  );
}

async function lookAtTarget(
  { parent, name, path }: HeldPlace,
  target: CallerPath,
): Promise<Attributes | undefined> {
  let found: Stats;
  try {
    found = await lstat(parent.at(name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw ioError(error, { what: "look at the target directory", path, owner: "caller" });
  }
  if (!found.isDirectory()) {
    throw fieldInvalid("directory", "a path of an empty directory or of nothing", target.path);
  }
  await using directory = await holdEntry(parent, name);
  await requireOwner(directory, target);
  await requireEmpty(directory);
  return attributesOf(found);
}

/**
 * Gives the files the modes and owners with which they leave the store, durably. Call this while
 * nobody else can reach them.
 */
export async function unsealFiles(
  layout: Layout,
  id: string,
  files: readonly SnapshotFile[],
  { replaced }: TakeTarget,
): Promise<void> {
  const directory = layout.filesDirectory(id);
  const own = ownAttributes();
  // The directory comes first, because a sealed directory promises that its files are sealed.
  await restoreAttributes(directory, { ...own, mode: 0o700 });
  for (const { name, mode } of files) {
    await restoreAttributes(join(directory, name), { ...own, mode: (mode & 0o777) | 0o400 });
  }
  if (replaced !== undefined) await passOn(directory, replaced);
  for (const { name } of files) await fsyncFile(join(directory, name));
  await fsyncDirectory(directory);
}

function ownAttributes(): Pick<Attributes, "uid" | "gid"> {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/**
 * Gives a directory the attributes, including the owner. If this process is not permitted to change
 * the owner, the directory gets only the mode and keeps the owner of this process.
 */
async function passOn(directory: string, attributes: Attributes): Promise<void> {
  try {
    await restoreAttributes(directory, attributes);
  } catch (error) {
    if (!isStoreError(error) || error.metadata["errno"] !== "EPERM") throw error;
    await restoreAttributes(directory, { ...ownAttributes(), mode: attributes.mode });
  }
}

/** Makes the files of the store read-only again, durably. This reverses `unsealFiles`. */
export async function sealFilesAgain(
  layout: Layout,
  id: string,
  files: readonly SnapshotFile[],
): Promise<void> {
  const directory = layout.filesDirectory(id);
  for (const { name } of files) {
    await sealFile(layout, join(directory, name));
    await fsyncFile(join(directory, name));
  }
  await sealFilesDirectory(layout, directory);
  await fsyncDirectory(directory);
}

/**
 * Returns whether the files of the snapshot are in the store. An error is thrown and never means
 * "no".
 */
export function hasFiles(layout: Layout, id: string): Promise<boolean> {
  return exists(layout.filesDirectory(id));
}

/** Identifies the directory of a snapshot's files, wherever it is. */
export type MovedDirectory = Pick<BigIntStats, "dev" | "ino">;

export function identifyFiles(layout: Layout, id: string): Promise<MovedDirectory> {
  const path = layout.filesDirectory(id);
  return withIoError({ what: "look at the files of the snapshot", path }, () =>
    lstat(path, { bigint: true }),
  );
}

function replacedMeanwhile(id: string, path: string): StoreError {
  return new StoreError(
    "IO_FAILED",
    `the files of snapshot ${id} cannot move back: another directory is at ${path} by now`,
    { hint: "Restart the daemon: it then records that the files have left the store" },
  );
}

/** Renames the directory of the files to the target, durably. */
export async function moveOut(layout: Layout, id: string, target: TakeTarget): Promise<void> {
  const { place, path, replaced } = target;
  const files = layout.filesDirectory(id);
  const to = place.parent.at(place.name);
  await fsyncBeforeMove(files);
  try {
    // rename(2) replaces an empty directory and fails for any other.
    await (replaced === undefined ? renameOnly(files, to) : disk.rename(files, to));
  } catch (error) {
    if (isErrno(error, "EXDEV")) throw acrossFilesystems(path, error);
    throw ioError(error, { what: `move the files of snapshot ${id} out`, path, owner: "caller" });
  }
  // The target's parent is synced first, so that a power cut cannot lose the name from both
  // parents.
  await fsyncDirectory(place.parent.self);
  await fsyncDirectory(layout.dataDirectory(id));
}

/**
 * Moves the files back after a failure, durably, and makes the replaced directory again. Throws if
 * something else is at the target by now. Has no effect if the files are in the store.
 */
export async function moveBack(
  layout: Layout,
  id: string,
  target: TakeTarget,
  moved: MovedDirectory,
): Promise<void> {
  const { place, path, replaced } = target;
  if (await hasFiles(layout, id)) return;
  const from = place.parent.at(place.name);
  await withIoError({ what: `move the files of snapshot ${id} back`, path }, async () => {
    const found = await lstat(from, { bigint: true });
    if (found.dev !== moved.dev || found.ino !== moved.ino) throw replacedMeanwhile(id, path);
    await renameOnly(from, layout.filesDirectory(id));
    if (replaced === undefined) return;
    await disk.mkdir(from, { mode: 0o700 });
    await restoreAttributes(from, replaced);
  });
  await fsyncDirectory(layout.dataDirectory(id));
  await fsyncDirectory(place.parent.self);
}
