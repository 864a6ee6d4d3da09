// Writes the files of a downloaded tar into a directory and preserves holes.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readTar, type ArchiveEntry } from "../archive/tar-reader.js";
import type { OwnedStream } from "../wire/chunk.js";
import { withIoError } from "../holes/errno.js";
import { createSparseFile } from "../holes/sparse-writer.js";
import type { ProgressCounter } from "./progress.js";

export interface UnpackOptions {
  /** If true, each file is synced. */
  readonly sync: boolean;
  readonly progress: ProgressCounter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes `directory` and fills it. Reads `tar` to its end, because only then has the download been
 * checked.
 */
export async function unpackInto(
  directory: string,
  tar: OwnedStream,
  options: UnpackOptions,
): Promise<void> {
  await withIoError({ what: "create", path: directory }, () => mkdir(directory, { mode: 0o700 }));
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  for await (const entry of readTar(tar, signal)) {
    await writeEntry(join(directory, entry.name), entry, options);
  }
  options.progress.finish();
}

async function writeEntry(
  path: string,
  entry: ArchiveEntry,
  { sync, progress, signal }: UnpackOptions,
): Promise<void> {
  await using file = await createSparseFile(path, {
    mode: entry.mode,
    detectZeros: entry.extents === undefined,
    expectedBytes: entry.sizeBytes,
    earlyWriteback: sync,
    signal,
  });
  for await (const { offset, chunk } of entry.pieces()) {
    const { length } = chunk;
    await file.write(offset, chunk);
    progress.add(length);
  }
  await file.finish({ sizeBytes: entry.sizeBytes, sync });
}
