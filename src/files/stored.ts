// Opens a stored snapshot for reading.
import { formatBytesExactly } from "../base/sizes.js";
import { closeSync, constants, fstatSync, openSync, read } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StoreError } from "../base/errors.js";
import { totalLength } from "../model/extent.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { ioError, isErrno } from "../holes/errno.js";
import type { ExtentMap } from "../holes/extent-map.js";
import { scanExtents } from "../holes/extents.js";
import { closedQuietly, closeQuietly } from "../base/quietly.js";
import type { ReadableFile } from "../base/whole-io.js";
import type { DigestAlgorithm } from "./block-digest.js";
import { openTableFile, readBlockTable, readTableAlgorithm } from "./block-table-codec.js";
import type { BlockTable } from "./block-table.js";
import { blocksDirectoryName, blockTableName, type Layout } from "./layout.js";

export interface StoredFile extends SnapshotFile {
  /** Bytes of data, not counting holes. */
  readonly dataBytes: number;
  /** The ranges with data. Undefined if the filesystem does not report holes. */
  readonly extents: ExtentMap | undefined;
}

/**
 * A stored snapshot whose directory is held open, so that reads continue if it is moved to the
 * trash. A caller that deletes the files must wait until this is disposed.
 */
export interface StoredSnapshot extends AsyncDisposable {
  readonly id: string;
  readonly files: readonly StoredFile[];
  /** Returns a path to the file. The path stays valid until this is disposed. */
  pathOf(name: string): string;
  /**
   * Opens a file for reading. The caller closes it; otherwise disposing of this object closes it.
   */
  open(name: string): Promise<FileHandle>;
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Returns the block table of the file at `index` in the order of names. It is read through the open
 * directory, so it can still be found after a move to the trash.
 */
export function readStoredTable(stored: StoredSnapshot, index: number): Promise<BlockTable> {
  return readBlockTable(tablePathOf(stored, index));
}

/** Opens the block table of the file at `index` as a file. The caller closes it. */
export async function openStoredTable(
  stored: StoredSnapshot,
  index: number,
): Promise<{ readonly handle: FileHandle; readonly path: string; readonly lengthBytes: number }> {
  const path = tablePathOf(stored, index);
  const handle = await openTableFile(path);
  try {
    const { size: lengthBytes } = await handle.stat();
    return { handle, path, lengthBytes };
  } catch (error) {
    await closeQuietly(handle);
    throw ioError(error, { what: "look at the block table", path });
  }
}

/**
 * Returns the algorithm of the block digests of the file at `index`, or undefined if its table
 * cannot be read.
 */
export function readStoredAlgorithm(
  stored: StoredSnapshot,
  index: number,
): Promise<DigestAlgorithm | undefined> {
  return readTableAlgorithm(tablePathOf(stored, index));
}

function tablePathOf(stored: StoredSnapshot, index: number): string {
  return stored.pathOf(join("..", blocksDirectoryName, blockTableName(index)));
}

export interface OpenStoredOptions {
  /**
   * If true, this finds out where the files have data. If false, `extents` is undefined, and
   * `dataBytes` is the disk space of the file when it was stored, but at most its size. Default:
   * true.
   */
  readonly findHoles?: boolean;
}

/**
 * Opens a snapshot, whose files must exist with the stored sizes. Opening and looking at files is
 * synchronous: it takes some microseconds, and a round trip to a thread takes ten times as long.
 */
export async function openStored(
  layout: Layout,
  id: string,
  files: readonly SnapshotFile[],
  signal?: AbortSignal,
  { findHoles = true }: OpenStoredOptions = {},
): Promise<StoredSnapshot> {
  const directory = openDirectory(layout.filesDirectory(id), id);
  const pathOf = (name: string): string => `/proc/self/fd/${directory.fd}/${name}`;
  const described: StoredFile[] = [];
  const releaseMaps = (): void => {
    for (const { extents } of described) extents?.[Symbol.dispose]();
  };
  try {
    for (const file of files) {
      signal?.throwIfAborted();
      await using opened = openDataFile(pathOf(file.name), file, id);
      described.push(
        findHoles
          ? { ...file, ...(await findData(opened.fd, file.sizeBytes, signal)) }
          : {
              ...file,
              extents: undefined,
              dataBytes: Math.min(file.sizeBytes, file.allocatedBytes),
            },
      );
    }
  } catch (error) {
    releaseMaps();
    await closeQuietly(directory);
    throw error;
  }
  const handedOut: FileHandle[] = [];
  let closed: Promise<void> | undefined;
  // This also closes the reads of a consumer that stopped in the middle. Closing twice has no
  // effect.
  const close = async (): Promise<void> => {
    releaseMaps();
    for (const handle of handedOut) await closeQuietly(handle);
    await closeQuietly(directory);
  };
  return {
    id,
    files: described,
    pathOf,
    open: async (name) => {
      // After the close, the number of the descriptor may belong to another directory.
      if (closed !== undefined) throw new Error(`snapshot ${id} was closed`);
      const handle = await openStoredFile(pathOf(name), name, id);
      handedOut.push(handle);
      return handle;
    },
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

function openDirectory(path: string, id: string): OwnDescriptor {
  try {
    return ownDescriptor(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) {
      throw corrupt(id, "its directory is missing", { directory: path });
    }
    throw ioError(error, { what: "open the snapshot's directory", path });
  }
}

async function openStoredFile(path: string, name: string, id: string): Promise<FileHandle> {
  try {
    return closedQuietly(await open(path, O_RDONLY | O_NOFOLLOW));
  } catch (error) {
    throw openFailed(error, name, id);
  }
}

function openFailed(error: unknown, name: string, id: string): Error {
  if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) {
    return corrupt(id, `its file ${name} is missing`, { file: name });
  }
  return ioError(error, { what: `open a file of snapshot ${id}`, path: name });
}

/**
 * Opens one file of a snapshot for reading. The file must exist with the stored size. `path` may
 * lead through a directory that a deletion moves away. In that case this throws
 * STORED_DATA_CORRUPT, which says that the file is missing. This is synchronous because it takes 20
 * µs, and three round trips to a thread would take ten times as long.
 */
export function openDataFile(path: string, file: SnapshotFile, id: string): OwnDescriptor {
  const handle = ownDescriptor(openNow(path, file.name, id));
  try {
    checkSize(fstatSync(handle.fd).size, file, id);
    return handle;
  } catch (error) {
    void closeQuietly(handle);
    throw ioError(error, { what: `look at a file of snapshot ${id}`, path: file.name });
  }
}

function openNow(path: string, name: string, id: string): number {
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    throw openFailed(error, name, id);
  }
}

interface OwnDescriptor extends ReadableFile, AsyncDisposable {
  readonly fd: number;
}

/**
 * Returns a file that owns the descriptor. A second close has no effect, because by then the number
 * may belong to another file.
 */
function ownDescriptor(fd: number): OwnDescriptor {
  let closed = false;
  const file: OwnDescriptor = {
    fd,
    read: (bytes, offset, length, position) => readDescriptor(fd, bytes, offset, length, position),
    // An error of close(2) becomes a rejection, as with a FileHandle.
    close: () =>
      new Promise((resolve) => {
        const isOpen = !closed;
        closed = true;
        if (isOpen) closeSync(fd);
        resolve();
      }),
    [Symbol.asyncDispose]: () => closeQuietly(file),
  };
  return file;
}

const readDescriptor = promisify(read);

function checkSize(size: number, file: SnapshotFile, id: string): void {
  if (size === file.sizeBytes) return;
  const problem = `its file ${file.name} has ${formatBytesExactly(size)}, expected ${formatBytesExactly(file.sizeBytes)}`;
  throw corrupt(id, problem, { file: file.name });
}

async function findData(
  fd: number,
  size: number,
  signal: AbortSignal | undefined,
): Promise<Pick<StoredFile, "extents" | "dataBytes">> {
  const extents = await scanExtents(fd, size, signal);
  return { extents, dataBytes: extents === undefined ? size : totalLength(extents) };
}

function corrupt(id: string, problem: string, metadata: Record<string, string>): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `snapshot ${id} is damaged: ${problem}`, {
    hint: `Run \`stasis verify ${id}\`, and look for what else wrote below the store's root`,
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id, ...metadata },
  });
}
