// Records the origin of a directory that was taken over by rename, and returns the directory there.
// The directory belongs to its caller until the catalog records the snapshot. The marker beside the
// directory names its origin, so that the directory can return there, even after a crash.
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { StoreError, isStoreError } from "../base/errors.js";
import { requireKnownVersion } from "../model/format.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import {
  exists,
  fsyncDirectory,
  fsyncFile,
  removeTree,
  renameOnly,
  writeFileDurably,
  writeNewFile,
} from "./durable.js";
import { holdRealPath } from "./held-directory.js";
import { returnLinked } from "./adopted-links.js";
import { filesDirectoryName, linkedDirectoryName, originFileName } from "./layout.js";
import {
  isSealed,
  restoreAttributes,
  restoreFileAttributes,
  type Attributes,
} from "./stored-modes.js";
import { disk } from "../holes/file-operations.js";

/**
 *   1  only the source; the first builds wrote it without a version
 *   2  also the owners and modes, because taking over has changed them since that version
 */
const originVersion = 2;

const attributesSchema = z.strictObject({
  mode: z.int().min(0).max(0o7777),
  uid: z.int().min(0),
  gid: z.int().min(0),
});

const originSchema = z.strictObject({
  version: z.int().min(1).max(originVersion).optional(),
  /** The old path of the directory: absolute, without symbolic links. */
  source: z.string().min(1),
  directory: attributesSchema.optional(),
  /** A list, because a name can be any text. */
  files: z.array(attributesSchema.extend({ name: z.string().min(1) })).optional(),
});

export interface Origin {
  readonly source: string;
  readonly directory: Attributes;
  readonly files: readonly (Attributes & { readonly name: string })[];
}

/**
 * Writes the marker to the snapshot's `directory`. Call this before the rename. The marker is
 * durable when this returns.
 */
export async function recordOrigin(directory: string, origin: Origin): Promise<void> {
  await writeNewFile(join(directory, originFileName), encode(origin));
  await fsyncDirectory(directory);
  await fsyncDirectory(dirname(directory));
}

/**
 * Deletes the marker, and `linked/` with the files that have other hard links. Call this when the
 * catalog has recorded the snapshot, or when nothing was moved. Errors are ignored, because what is
 * left of a recorded snapshot only takes space.
 */
export async function forgetOrigin(directory: string): Promise<void> {
  await disk.unlink(join(directory, originFileName)).catch(() => undefined);
  await removeTree(join(directory, linkedDirectoryName)).catch(() => undefined);
}

/** Replaces the marker durably. Call this before the attributes of the files are changed. */
export async function correctOrigin(directory: string, origin: Origin): Promise<void> {
  await writeFileDurably(join(directory, originFileName), encode(origin));
}

function encode(origin: Origin): Buffer {
  return Buffer.from(`${JSON.stringify({ version: originVersion, ...origin })}\n`);
}

/**
 * Returns the origin of the files in a snapshot's directory, or undefined if there is no marker:
 * the store made the files itself, or the catalog has recorded them.
 */
export async function originOf(
  directory: string,
): Promise<z.infer<typeof originSchema> | undefined> {
  const path = join(directory, originFileName);
  try {
    const found: unknown = JSON.parse(await readFile(path, "utf8"));
    requireKnownVersion(path, found, originVersion);
    return originSchema.parse(found);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new StoreError("STORED_DATA_CORRUPT", `cannot be understood: ${path}`, {
        cause: error,
      });
    }
    throw ioError(error, { what: "read where a directory came from", path });
  }
}

/**
 * Returns a directory that was taken over to the place where it came from, with the owners and
 * modes that it had. Returns the path of that place, or undefined if nothing was taken over. Throws
 * if something else is at that path, or if the path now leads through a symbolic link, which the
 * recorded path did not.
 */
export async function giveBack(directory: string): Promise<string | undefined> {
  const files = join(directory, filesDirectoryName);
  const origin = await originOf(directory).catch(async (error: unknown) => {
    // If there are no files, a malformed marker was cut short. A marker becomes durable before
    // anything moves, so nothing was taken over.
    if (isStoreError(error, "STORED_DATA_CORRUPT") && !(await exists(files))) return undefined;
    throw error;
  });
  if (origin === undefined || !(await exists(files))) return undefined;
  const { source } = origin;
  await using parent = await holdRealPath(dirname(source));
  // This must come before the rename, which ends the marker's validity. A directory that could be
  // renamed when it was taken over can also be renamed with its restored mode.
  await giveBackAttributes(files, origin);
  await returnLinked(directory);
  await withIoError({ what: `rename to ${source}`, path: files }, () =>
    renameOnly(files, parent.at(basename(source))),
  );
  await fsyncDirectory(parent.self);
  await fsyncDirectory(directory);
  return source;
}

/**
 * Restores the owners and modes. The files were sealed after their directory. If the directory is
 * sealed, nobody can have replaced the files since the marker was written. If it is not sealed, a
 * program that has the directory open could have replaced them, so they stay as they are.
 */
async function giveBackAttributes(
  directory: string,
  origin: z.infer<typeof originSchema>,
): Promise<void> {
  if (origin.directory === undefined || !(await isSealed(directory))) return;
  const before = new Map((origin.files ?? []).map((file) => [file.name, file]));
  for (const name of await readdir(directory)) {
    const attributes = before.get(name);
    if (attributes === undefined) continue;
    const path = join(directory, name);
    if (await restoreFileAttributes(path, attributes)) await syncLoosely(path);
  }
  if (await restoreAttributes(directory, origin.directory)) await syncLoosely(directory);
}

/**
 * Makes restored attributes survive a power cut, as the rename does. A failing disk must not keep
 * the data from its owner, so errors are ignored.
 */
async function syncLoosely(path: string): Promise<void> {
  await fsyncFile(path).catch(() => undefined);
}
