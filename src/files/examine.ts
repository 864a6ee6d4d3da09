// Examines one snapshot's directory on the disk, in any state, for `check`. It reads the manifest
// and the block tables, but no data file.
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { isStoreError, type StoreError } from "../base/errors.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { ioError, isErrno } from "../holes/errno.js";
import { readBlockTable } from "./block-table-codec.js";
import { rootDigest } from "./block-table.js";
import { byName } from "./file-order.js";
import {
  blocksDirectoryName,
  blockTableName,
  filesDirectoryName,
  linkedDirectoryName,
  manifestFileName,
  originFileName,
} from "./layout.js";
import { readManifestIn, type Manifest } from "./manifest.js";
import { listEntries } from "./removal.js";
import { isSealed } from "./stored-modes.js";

export interface FoundFile {
  readonly regular: boolean;
  readonly sizeBytes: number;
  /** Permission bits, masked to 0777. */
  readonly mode: number;
}

/**
 * The state of a block table. `missing` includes a missing directory above the table, and `newer`
 * means that a newer stasis has written the table.
 */
type FoundTable = "intact" | "missing" | "damaged" | "newer";

export interface Examined {
  readonly directory: string;
  /**
   * The manifest, or the error that says why it cannot be used: FORMAT_UNSUPPORTED if a newer
   * stasis has written it, and otherwise STORED_DATA_CORRUPT.
   */
  readonly manifest: Manifest | StoreError;
  readonly manifestMissing: boolean;
  /** Files by name. Undefined if their directory is missing. */
  readonly files: ReadonlyMap<string, FoundFile> | undefined;
  /**
   * True if the directory of the files has the mode of a stored one. In that case its files must
   * have the modes of stored files too.
   */
  readonly sealed: boolean;
  /** Block tables by file name, for the expected files that have a digest. */
  readonly tables: ReadonlyMap<string, FoundTable>;
  /** Paths of entries that do not belong there. */
  readonly unknown: readonly string[];
  /** Paths of temporary files that an interrupted replacement has left. */
  readonly temporary: readonly string[];
}

/**
 * Examines the directory. `expectedOf` returns the files that must be there, or undefined if they
 * are unknown.
 */
export async function examineDirectory(
  directory: string,
  expectedOf: (manifest: Manifest | StoreError) => readonly SnapshotFile[] | undefined,
  signal: AbortSignal,
): Promise<Examined> {
  const unknown: string[] = [];
  const temporary: string[] = [];
  const sortOut = (path: string, isOurs: boolean): void => {
    if (/\.[0-9a-f]{12}\.tmp$/.test(path)) temporary.push(path);
    else if (!isOurs) unknown.push(path);
  };
  const names = await listEntries(directory);
  for (const name of names) sortOut(join(directory, name), ownNames.has(name));
  const manifest = await readManifestIn(directory).catch(damageOf);
  const expected = expectedOf(manifest);
  const sorted = [...(expected ?? [])].sort(byName);
  if (names.includes(blocksDirectoryName)) {
    const blocks = join(directory, blocksDirectoryName);
    const tables = new Set(sorted.map((_, index) => blockTableName(index)));
    for (const name of await listEntries(blocks)) {
      sortOut(join(blocks, name), expected === undefined || tables.has(name));
    }
  }
  const hasFiles = names.includes(filesDirectoryName);
  return {
    directory,
    manifest,
    manifestMissing: !names.includes(manifestFileName),
    files: hasFiles ? await examineFiles(directory, signal) : undefined,
    sealed: hasFiles && (await isSealed(join(directory, filesDirectoryName))),
    tables: await examineTables(directory, sorted, signal),
    unknown,
    temporary,
  };
}

const ownNames: ReadonlySet<string> = new Set([
  manifestFileName,
  originFileName,
  filesDirectoryName,
  linkedDirectoryName,
  blocksDirectoryName,
]);

async function examineFiles(
  directory: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FoundFile>> {
  const parent = join(directory, filesDirectoryName);
  const found = new Map<string, FoundFile>();
  for (const name of await listEntries(parent)) {
    signal.throwIfAborted();
    const path = join(parent, name);
    try {
      const stat = await lstat(path);
      found.set(name, { regular: stat.isFile(), sizeBytes: stat.size, mode: stat.mode & 0o777 });
    } catch (error) {
      throw ioError(error, { what: "look at a data file", path });
    }
  }
  return found;
}

async function examineTables(
  directory: string,
  sorted: readonly SnapshotFile[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FoundTable>> {
  const tables = new Map<string, FoundTable>();
  for (const [index, file] of sorted.entries()) {
    if (file.digest === "") continue;
    signal.throwIfAborted();
    const path = join(directory, blocksDirectoryName, blockTableName(index));
    tables.set(file.name, await examineTable(path, file.digest));
  }
  return tables;
}

async function examineTable(path: string, digest: string): Promise<FoundTable> {
  try {
    await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return "missing";
    throw ioError(error, { what: "look at a block table", path });
  }
  const table = await readBlockTable(path).catch(damageOf);
  if (isStoreError(table, "FORMAT_UNSUPPORTED")) return "newer";
  return !isStoreError(table) && rootDigest(table) === digest ? "intact" : "damaged";
}

function damageOf(error: unknown): StoreError {
  if (isStoreError(error, "STORED_DATA_CORRUPT")) return error;
  if (isStoreError(error, "FORMAT_UNSUPPORTED")) return error;
  throw error;
}
