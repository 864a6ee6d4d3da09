// Exports a stored snapshot into a caller's directory. The files share blocks with the stored ones
// where possible, and the envelope is written last.
import type { CallerPath } from "../model/caller-path.js";
import { envelopeFileName } from "../model/name.js";
import {
  copySparse,
  shareBlocks,
  type CopyMethod,
  type CopyOptions,
} from "../holes/sparse-copy.js";
import { createSparseFile } from "../holes/sparse-writer.js";
import { fsyncDirectory, writeFileDurably } from "./durable.js";
import type { HeldDirectory } from "./held-directory.js";
import type { Layout } from "./layout.js";
import type { StoredFile, StoredSnapshot } from "./stored.js";
import { fillTarget } from "./target-directory.js";
import { openVerified } from "./verified-read.js";

interface DirectoryExport {
  /** True if every file shares its blocks with the stored one. */
  readonly reflinked: boolean;
}

interface DirectoryExportOptions {
  /** Content of `snapshot.json`, whose presence means that the export is complete. */
  readonly envelope: Uint8Array;
  /**
   * If true, each copied block is compared with its digest, and the export throws
   * STORED_DATA_CORRUPT at the first difference. A file that shares its blocks is not read at all.
   * A file without a digest is copied without a comparison.
   */
  readonly verify: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes all files and the envelope into a directory that is outside the store and absent or empty.
 * The export is durable when this returns. On failure, all files that were made are deleted again.
 */
export async function exportFiles(
  layout: Layout,
  stored: StoredSnapshot,
  target: CallerPath,
  options: DirectoryExportOptions,
): Promise<DirectoryExport> {
  return await fillTarget(layout, target, { durable: true }, (directory, made) =>
    writeAll(stored, directory, made, options),
  );
}

async function writeAll(
  stored: StoredSnapshot,
  directory: HeldDirectory,
  made: string[],
  { envelope, verify, signal }: DirectoryExportOptions,
): Promise<DirectoryExport> {
  let reflinked = true;
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
  await using source = await openVerified(stored, handle, { file, index }, { what: name, signal });
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
