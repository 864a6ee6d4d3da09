// Exports a stored snapshot into a caller's directory: shared blocks where possible, envelope last.
import { constants } from "node:fs";
import { access, opendir } from "node:fs/promises";
import { StoreError, isStoreError } from "../base/errors.js";
import type { CallerPath } from "../model/caller-path.js";
import { envelopeFileName } from "../model/name.js";
import { withIoError } from "../holes/errno.js";
import {
  copySparse,
  shareBlocks,
  type CopyMethod,
  type CopyOptions,
} from "../holes/sparse-copy.js";
import { createSparseFile } from "../holes/sparse-writer.js";
import { fsyncDirectory, writeFileDurably } from "./durable.js";
import {
  holdDirectory,
  holdEntry,
  holdPlace,
  requireOwner,
  type HeldDirectory,
  type HeldPlace,
} from "./held-directory.js";
import type { Layout } from "./layout.js";
import type { StoredFile, StoredSnapshot } from "./stored.js";
import { openVerified } from "./verified-read.js";
import { disk } from "../holes/file-operations.js";

export interface DirectoryExport {
  /** Every file shares its blocks with the stored one. */
  readonly reflinked: boolean;
}

export interface DirectoryExportOptions {
  /** Content of `snapshot.json`, whose presence means that the export is complete. */
  readonly envelope: Uint8Array;
  /**
   * Compares each copied block with its digest and throws STORED_DATA_CORRUPT at the first that
   * differs. A file that shares its blocks is not read at all. A file without a digest is copied as
   * it is.
   */
  readonly verify: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes all files and the envelope into a directory outside the store that is absent or empty. The
 * export is durable when this returns. On failure everything that was made is removed again.
 */
export async function exportToDirectory(
  layout: Layout,
  stored: StoredSnapshot,
  target: CallerPath,
  options: DirectoryExportOptions,
): Promise<DirectoryExport> {
  const existing = await openExisting(layout, target);
  if (existing === undefined) return exportToNew(layout, stored, target, options);
  await using directory = existing;
  await requireEmpty(directory);
  await requireWritable(directory);
  return await fill(stored, directory, options);
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

async function exportToNew(
  layout: Layout,
  stored: StoredSnapshot,
  target: CallerPath,
  options: DirectoryExportOptions,
): Promise<DirectoryExport> {
  const context = {
    what: "make the target directory",
    path: target.path,
    owner: "caller",
  } as const;
  await using place = await holdPlace(layout, target).catch((error: unknown) => {
    throw isStoreError(error, "DIRECTORY_NOT_FOUND") ? about(error, target.path) : error;
  });
  await requireOwner(place.parent, target);
  // The snapshot holds a machine's memory, so only the owner may read it until they decide
  // otherwise.
  await withIoError(context, () => disk.mkdir(place.parent.at(place.name), { mode: 0o700 }));
  try {
    await using directory = await holdEntry(place.parent, place.name);
    const result = await fill(stored, directory, options);
    await fsyncDirectory(place.parent.self);
    return result;
  } catch (error) {
    await removeMade(place);
    throw error;
  }
}

/** Makes the error name the caller's path and not the missing parent. */
function about(error: StoreError, path: string): StoreError {
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

async function requireEmpty(directory: HeldDirectory): Promise<void> {
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

/** Otherwise the first file would fail as if the store refused it. */
async function requireWritable({ path, self }: HeldDirectory): Promise<void> {
  const context = { what: "write into the target directory", path, owner: "caller" } as const;
  await withIoError({ ...context, access: "write" }, () => access(self, constants.W_OK));
}

async function fill(
  stored: StoredSnapshot,
  directory: HeldDirectory,
  { envelope, verify, signal }: DirectoryExportOptions,
): Promise<DirectoryExport> {
  const made: string[] = [];
  let reflinked = true;
  try {
    for (const [index, { name, mode }] of stored.files.entries()) {
      const copy = directory.at(name);
      const copying = { mode, sync: true, signal };
      const { method } = verify
        ? await copyVerified(stored, index, copy, copying)
        : await copySparse(stored.pathOf(name), copy, copying);
      made.push(copy);
      reflinked &&= method === "reflink";
    }
    signal?.throwIfAborted();
    // The names of the data files must be durable before the name of the envelope is.
    await fsyncDirectory(directory.self);
    made.push(directory.at(envelopeFileName));
    await writeFileDurably(directory.at(envelopeFileName), envelope, 0o644);
    return { reflinked };
  } catch (error) {
    // Best effort: the caller must see the error that led here.
    for (const file of made) await disk.unlink(file).catch(() => undefined);
    throw error;
  }
}

async function copyVerified(
  stored: StoredSnapshot,
  index: number,
  to: string,
  options: CopyOptions,
): Promise<{ readonly method: CopyMethod }> {
  const file = stored.files[index] as StoredFile;
  const from = stored.pathOf(file.name);
  if (file.digest === "") return copySparse(from, to, options);
  const shared = await shareBlocks(from, to, options);
  if (shared !== undefined) return shared;
  const { name, sizeBytes, extents } = file;
  const { mode, signal } = options;
  await using handle = await stored.open(name);
  await using source = await openVerified(stored, handle, index, { what: name, signal });
  const detectZeros = extents === undefined || extents.filledHoles;
  await using writer = await createSparseFile(to, {
    mode,
    detectZeros,
    expectedBytes: sizeBytes,
    signal,
  });
  for await (const { offset, chunk } of source.pieces()) await writer.write(offset, chunk);
  await writer.finish({ sizeBytes, sync: true });
  return { method: "bytes" };
}
