// Fills the directory that a caller names for an export or a clone. The directory is absent or
// empty before the call and after a failure.
import { constants } from "node:fs";
import { access, opendir } from "node:fs/promises";
import { StoreError, isStoreError } from "../base/errors.js";
import { withIoError } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import type { CallerPath } from "../model/caller-path.js";
import { fsyncDirectory } from "./durable.js";
import {
  holdDirectory,
  holdEntry,
  holdPlace,
  requireOwner,
  type HeldDirectory,
  type HeldPlace,
} from "./held-directory.js";
import type { Layout } from "./layout.js";

interface TargetOptions {
  /**
   * If true, the name of a new directory becomes durable. `work` must make its content durable if
   * necessary.
   */
  readonly durable: boolean;
}

/**
 * Makes files in the directory. Adds the path of each to `made`, so that they are deleted after a
 * failure.
 */
type Fill<T> = (directory: HeldDirectory, made: string[]) => Promise<T>;

/**
 * Calls `work` with the directory at `target`, which is outside the store and absent or empty.
 * Throws FIELD_INVALID if the caller may not use the path, DIRECTORY_NOT_FOUND if its parent is
 * missing, and DIRECTORY_NOT_EMPTY if the directory has entries.
 */
export async function fillTarget<T>(
  layout: Layout,
  target: CallerPath,
  options: TargetOptions,
  work: Fill<T>,
): Promise<T> {
  const existing = await openExisting(layout, target);
  if (existing === undefined) return fillNew(layout, target, options, work);
  await using directory = existing;
  await requireEmpty(directory);
  await requireWritable(directory);
  return await fill(directory, work);
}

async function fill<T>(directory: HeldDirectory, work: Fill<T>): Promise<T> {
  const made: string[] = [];
  try {
    return await work(directory, made);
  } catch (error) {
    // A failure here is ignored, because the caller must see the error that led here.
    for (const file of made) await disk.unlink(file).catch(() => undefined);
    throw error;
  }
}

async function openExisting(
  layout: Layout,
  target: CallerPath,
): Promise<HeldDirectory | undefined> {
  try {
    return await holdDirectory(layout, target);
  } catch (error) {
    if (isStoreError(error, "DIRECTORY_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function fillNew<T>(
  layout: Layout,
  target: CallerPath,
  { durable }: TargetOptions,
  work: Fill<T>,
): Promise<T> {
  const context = {
    what: "make the target directory",
    path: target.path,
    owner: "caller",
  } as const;
  await using place = await holdPlace(layout, target).catch((error: unknown) => {
    throw isStoreError(error, "DIRECTORY_NOT_FOUND") ? aboutDirectory(error, target.path) : error;
  });
  await requireOwner(place.parent, target);
  // The snapshot holds a machine's memory, so only the owner may read it until the owner decides
  // otherwise.
  await withIoError(context, () => disk.mkdir(place.parent.at(place.name), { mode: 0o700 }));
  try {
    await using directory = await holdEntry(place.parent, place.name);
    const result = await fill(directory, work);
    if (durable) await fsyncDirectory(place.parent.self);
    return result;
  } catch (error) {
    await removeMade(place);
    throw error;
  }
}

/** Makes the error name the caller's path and not the missing parent. */
export function aboutDirectory(error: StoreError, path: string): StoreError {
  return new StoreError(error.reason, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    metadata: error.metadata,
    resource: { type: "directory", name: path },
    cause: error,
  });
}

async function removeMade({ parent, name }: HeldPlace): Promise<void> {
  await disk.rmdir(parent.at(name)).catch(() => undefined);
}

/** Throws DIRECTORY_NOT_EMPTY unless the directory is empty. */
export async function requireEmpty(directory: HeldDirectory): Promise<void> {
  const { path } = directory;
  const context = { what: "list the target directory", path, owner: "caller" } as const;
  const names = await withIoError(context, () => opendir(directory.self));
  for await (const entry of names) {
    throw new StoreError(
      "DIRECTORY_NOT_EMPTY",
      `expected an absent or empty directory, found ${JSON.stringify(entry.name)} in it: ${path}`,
      {
        hint: "Choose another directory, or empty this one",
        resource: { type: "directory", name: path },
        metadata: { path },
      },
    );
  }
}

/**
 * Throws unless the directory is writable. Without this check, the first file would fail with an
 * error that blames the store.
 */
async function requireWritable({ path, self }: HeldDirectory): Promise<void> {
  const context = { what: "write into the target directory", path, owner: "caller" } as const;
  await withIoError({ ...context, access: "write" }, () => access(self, constants.W_OK));
}
