// A stored snapshot as a directory of the caller's: shared blocks where possible, envelope last.
import { mkdir, opendir, realpath, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StoreError, fieldInvalid } from "../base/errors.js";
import { envelopeFileName } from "../model/name.js";
import { isErrno, withIoError } from "../sparse/errno.js";
import {
  copySparse,
  shareBlocks,
  type CopyMethod,
  type CopyOptions,
} from "../sparse/sparse-copy.js";
import { createSparseFile } from "../sparse/sparse-writer.js";
import { requireAbsolute } from "./directory-source.js";
import { fsyncDirectory, writeFileDurably } from "./durable.js";
import { isInside, type Layout } from "./layout.js";
import type { StoredFile, StoredSnapshot } from "./stored.js";
import { openVerified } from "./verified-read.js";

export interface DirectoryExport {
  /** Every file shares its blocks with the stored one. */
  readonly reflinked: boolean;
}

export interface DirectoryExportOptions {
  /** Content of `snapshot.json`: its presence means that everything is there. */
  readonly envelope: Uint8Array;
  /**
   * Each block that is copied is compared with its digest: STORED_DATA_CORRUPT at the first that differs. A file that
   * shares its blocks is not read at all, and files without a digest yet are copied as they are.
   */
  readonly verify: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes all files and the envelope into a directory outside the store that is absent or empty. It
 * is durable when this returns; on failure what was made is removed again.
 */
export async function exportToDirectory(
  layout: Layout,
  stored: StoredSnapshot,
  target: string,
  options: DirectoryExportOptions,
): Promise<DirectoryExport> {
  requireAbsolute(target, "directory");
  const made: string[] = [];
  const { path, created } = await prepare(layout, target);
  try {
    const result = await fill(stored, path, made, options);
    if (created) await fsyncDirectory(dirname(path));
    return result;
  } catch (error) {
    await undo(path, made, created);
    throw error;
  }
}

async function prepare(
  layout: Layout,
  target: string,
): Promise<{ path: string; created: boolean }> {
  const context = { what: "open the target directory", path: target, owner: "caller" } as const;
  const given = resolve(target);
  return withIoError(context, async () => {
    const parent = await realpath(dirname(given));
    const path = join(parent, basename(given));
    requireOutside(layout, path, target);
    try {
      // Memory of a machine is in it: for its owner alone, until the owner says otherwise.
      await mkdir(path, { mode: 0o700 });
      return { path, created: true };
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const real = await realpath(path);
    requireOutside(layout, real, target);
    await requireEmpty(real);
    return { path: real, created: false };
  });
}

/** What stands inside is the store's alone: recovery would remove it, or set it aside. */
function requireOutside(layout: Layout, path: string, target: string): void {
  if (!isInside(layout, path)) return;
  throw fieldInvalid("directory", "a directory outside the store's root", target);
}

async function requireEmpty(path: string): Promise<void> {
  for await (const entry of await opendir(path)) {
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

async function fill(
  stored: StoredSnapshot,
  path: string,
  made: string[],
  { envelope, verify, signal }: DirectoryExportOptions,
): Promise<DirectoryExport> {
  let reflinked = true;
  for (const [index, { name, mode }] of stored.files.entries()) {
    const copy = join(path, name);
    const options = { mode, sync: true, signal };
    const { method } = verify
      ? await copyVerified(stored, index, copy, options)
      : await copySparse(stored.pathOf(name), copy, options);
    made.push(copy);
    reflinked &&= method === "reflink";
  }
  signal?.throwIfAborted();
  // Names of the data files become durable before the envelope's does.
  await fsyncDirectory(path);
  made.push(join(path, envelopeFileName));
  await writeFileDurably(join(path, envelopeFileName), envelope, 0o644);
  return { reflinked };
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
  const detectZeros = extents === undefined;
  await using writer = await createSparseFile(to, {
    mode,
    detectZeros,
    expectedBytes: sizeBytes,
    signal,
  });
  for await (const { offset, bytes } of source.pieces()) await writer.write(offset, bytes);
  await writer.finish({ sizeBytes, sync: true });
  return { method: "bytes" };
}

/** As far as it goes: the error that led here is the one to report. */
async function undo(path: string, made: readonly string[], created: boolean): Promise<void> {
  for (const file of made) await unlink(file).catch(() => undefined);
  if (created) await rmdir(path).catch(() => undefined);
}
