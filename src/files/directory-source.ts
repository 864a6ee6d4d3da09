// Finds the data files of a caller's directory and checks that they can become a snapshot.
import { lstat, opendir } from "node:fs/promises";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { StoreError, describeValue } from "../base/errors.js";
import { checkDataFileName } from "../model/name.js";
import { ioError, isErrno, shownPath } from "../holes/errno.js";
import { byName } from "./file-order.js";
import { foreignOwner } from "./held-directory.js";
import { attributesOf, type Attributes } from "./stored-modes.js";

/** Maximum number of files in one snapshot, which is also the maximum of an archive. */
export const maxDataFiles = 4096;

export interface SourceFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Permission bits, masked to 0777. */
  readonly mode: number;
  /** Number of hard links. Above 1, others can change the file under another name. */
  readonly linkCount: number;
  readonly attributes: Attributes;
}

interface SourceOptions {
  /** Names that are not data files, for example the envelope. */
  readonly ignore?: readonly string[];
  /** User id that must own every file. Default: any owner. */
  readonly owner?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists the regular files of a directory, sorted by the bytes of their names. Throws
 * ARCHIVE_INVALID for any other entry, because an entry that cannot be stored must not vanish
 * silently. Throws LIMIT_EXCEEDED if there are more than `maxDataFiles` files.
 */
export async function listDataFiles(
  directory: string,
  options: SourceOptions = {},
): Promise<readonly SourceFile[]> {
  const { ignore = [], owner, signal } = options;
  const files: SourceFile[] = [];
  for (const name of await entryNames(directory, ignore, signal)) {
    checkDataFileName(name, `directory entry`);
    const stat = await statEntry(directory, name);
    if (owner !== undefined && stat.uid !== owner) {
      throw foreignOwner(shownPath(join(directory, name)), stat.uid);
    }
    files.push(describe(name, stat));
  }
  return files.sort(byName);
}

async function entryNames(
  directory: string,
  ignore: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const names: string[] = [];
  try {
    // The loop closes the directory itself, however it ends.
    for await (const entry of await opendir(directory)) {
      signal?.throwIfAborted();
      if (!ignore.includes(entry.name)) names.push(entry.name);
      if (names.length > maxDataFiles) throw tooMany(directory);
    }
  } catch (error) {
    throw ioError(error, { what: "list the directory", path: directory, owner: "caller" });
  }
  return names;
}

function tooMany(directory: string): StoreError {
  return new StoreError(
    "LIMIT_EXCEEDED",
    `expected at most ${maxDataFiles} files, found more: ${shownPath(directory)}`,
    { metadata: { limit: "max_files" } },
  );
}

async function statEntry(directory: string, name: string): Promise<Stats> {
  const path = join(directory, name);
  try {
    return await lstat(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      throw ioError(error, { what: "look at the file", path, owner: "caller" });
    }
    throw entryInvalid(name, "it vanished while the directory was read");
  }
}

function describe(name: string, stat: Stats): SourceFile {
  if (!stat.isFile()) throw entryInvalid(name, `it is a ${kindOf(stat)}, not a regular file`);
  if (!Number.isSafeInteger(stat.size)) throw entryInvalid(name, `its size is ${stat.size}`);
  return {
    name,
    sizeBytes: stat.size,
    allocatedBytes: stat.blocks * 512,
    mode: stat.mode & 0o777,
    linkCount: stat.nlink,
    attributes: attributesOf(stat),
  };
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symbolic link";
  if (stat.isFIFO()) return "named pipe";
  if (stat.isSocket()) return "socket";
  return "device";
}

export function entryInvalid(
  name: string,
  problem: string,
  hint = "A snapshot holds regular files in one directory, without subdirectories",
): StoreError {
  return new StoreError("ARCHIVE_INVALID", `directory entry ${describeValue(name)}: ${problem}`, {
    hint,
    metadata: { entry: name },
  });
}
