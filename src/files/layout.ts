// Describes the files of a store, and names their paths.
//
//   catalog.db             an SQLite file: NEVER open it through fs. Closing any descriptor of it
//                          drops the process's POSIX locks on it, and so the catalog's own
//   store.json             version of the store as a whole (store-format.ts)
//   lock.db                empty; the daemon holds a lock on it (root-lock.ts)
//   lock.info              who holds the lock, as text
//   catalog.mark           how far the catalog has come, as text: shows that a copy of it is older
//   scrub.json             when all data was last read again, and how far the current scrub is
//   ballast/               4 MiB in several files, deleted so that a full disk allows a start
//                          and deletions
//   staging/<id>/          a snapshot being made, laid out like a stored one
//   data/<id>/             a stored snapshot:
//       files/<name>       its data files, plain and sparse
//       blocks/NNNN.blk    block table of the NNNN-th file, in order of names
//       manifest.json      describes it: enough to build the catalog again
//       origin.json        only for a directory taken over by rename, until the catalog has it
//       linked/<name>      its files that have other hard links, until the same moment
//   transfers/<hex>/       a pull that can be resumed, by the digest of its snapshot:
//       NNNN.part          the NNNN-th file, in order of names: blocks that may or may not be whole
//       NNNN.blk           the block table of that file, if the table is large
//       transfer.json      where it came from, for people, and when its last pull ended
//   transfers/<ids>.push   the journal of a push that can be resumed (push-journal.ts)
//   trash/<id>/            deleted for every caller; its space is not freed yet
//   quarantine/<name>/     what recovery cannot explain; only people remove it
import { type Stats, lstatSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { StoreError } from "../base/errors.js";
import { idPattern } from "../model/name.js";
import { ioError, isErrno } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import { fsyncDirectory } from "./durable.js";
import { requirePrivateParents, requirePrivateRoot } from "./private-root.js";

export interface Layout {
  /** The absolute path of the root, without symbolic links. */
  readonly root: string;
  readonly lockDatabase: string;
  readonly lockInfo: string;
  readonly catalogDatabase: string;
  readonly catalogMark: string;
  readonly scrubState: string;
  readonly ballast: string;
  readonly stagingRoot: string;
  readonly dataRoot: string;
  readonly transfersRoot: string;
  readonly trashRoot: string;
  readonly quarantineRoot: string;
  /**
   * Number of the group that may read stored data files. Undefined if only the daemon's user may
   * read them.
   */
  readonly dataGroup: number | undefined;
  stagingDirectory(id: string): string;
  dataDirectory(id: string): string;
  trashDirectory(id: string): string;
  /**
   * Returns the directory with the data files of a stored snapshot: the path that a hypervisor is
   * given.
   */
  filesDirectory(id: string): string;
}

/** These are the names inside one snapshot's directory, wherever the directory is. */
export const manifestFileName = "manifest.json";
export const originFileName = "origin.json";
export const filesDirectoryName = "files";
export const linkedDirectoryName = "linked";
export const blocksDirectoryName = "blocks";

/** Returns the name of the block table of the file at `index` in the order of names. */
export function blockTableName(index: number): string {
  return `${String(index).padStart(4, "0")}.blk`;
}

/**
 * Opens a store's directories and makes those that are missing, with access for their owner only.
 */
export async function openLayout(root: string): Promise<Layout> {
  const layout = await openRoot(root);
  await makeParts(layout);
  return layout;
}

/**
 * Makes the root if it is missing, but nothing in it, because only the holder of the root's lock
 * may do that. Throws ROOT_UNSAFE if other users can change the root.
 */
export async function openRoot(root: string, dataGroup?: number): Promise<Layout> {
  const made: string[] = [];
  const given = resolve(root);
  // The given path is checked too, because its symbolic links may lead elsewhere.
  requirePrivateParents(given);
  const layout = layoutOf(makeDirectory(given, made), dataGroup);
  requirePrivateParents(layout.root);
  requirePrivateRoot(layout.root);
  await syncParents(made);
  return layout;
}

/**
 * Makes the directories below the root that are missing. Throws CROSS_FILESYSTEM unless all of them
 * are on the filesystem of the root.
 */
export async function makeParts(layout: Layout): Promise<void> {
  const made: string[] = [];
  const { stagingRoot, transfersRoot, dataRoot, trashRoot, quarantineRoot } = layout;
  const parts = [stagingRoot, transfersRoot, dataRoot, trashRoot, quarantineRoot];
  for (const part of parts) makeDirectory(part, made);
  for (const part of parts) checkSameFilesystem(layout.root, part);
  await syncParents(made);
}

async function syncParents(made: readonly string[]): Promise<void> {
  for (const parent of new Set(made.map((path) => dirname(path)))) await fsyncDirectory(parent);
}

/** Computes the paths, and neither checks nor makes anything. `root` is absolute and real. */
export function layoutOf(root: string, dataGroup?: number): Layout {
  const stagingRoot = join(root, "staging");
  const dataRoot = join(root, "data");
  const trashRoot = join(root, "trash");
  const below = (parent: string) => (id: string) => join(parent, checkedId(id));
  return {
    root,
    lockDatabase: join(root, "lock.db"),
    lockInfo: join(root, "lock.info"),
    catalogDatabase: join(root, "catalog.db"),
    catalogMark: join(root, "catalog.mark"),
    scrubState: join(root, "scrub.json"),
    ballast: join(root, "ballast"),
    stagingRoot,
    dataRoot,
    transfersRoot: join(root, "transfers"),
    trashRoot,
    quarantineRoot: join(root, "quarantine"),
    dataGroup,
    stagingDirectory: below(stagingRoot),
    dataDirectory: below(dataRoot),
    trashDirectory: below(trashRoot),
    filesDirectory: (id) => join(dataRoot, checkedId(id), filesDirectoryName),
  };
}

/** Returns whether `path`, absolute and real, is the store's root or below it. */
export function isInside(layout: Layout, path: string): boolean {
  const way = relative(layout.root, path);
  return way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}

/**
 * Returns a well-formed id and throws for any other. No path is ever built from a malformed id,
 * whatever its source.
 */
function checkedId(id: string): string {
  if (idPattern.test(id)) return id;
  throw new StoreError("INTERNAL", `expected a snapshot id, got ${JSON.stringify(id)}`);
}

/** Makes a directory level by level, because each new name must become durable in its parent. */
function makeDirectory(path: string, made: string[]): string {
  try {
    mkdirLevels(path, made);
    return realpathSync(path);
  } catch (error) {
    throw ioError(error, { what: "make the store's directory", path });
  }
}

function mkdirLevels(path: string, made: string[]): void {
  if (tryMkdir(path, made)) return;
  mkdirLevels(dirname(path), made);
  if (!tryMkdir(path, made)) disk.mkdirSync(path, { mode: 0o700 });
}

/** Makes one directory. Returns false if its parent is missing. */
function tryMkdir(path: string, made: string[]): boolean {
  try {
    disk.mkdirSync(path, { mode: 0o700 });
    // The umask may have removed rights that the owner needs.
    disk.chmodSync(path, 0o700);
    made.push(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") && dirname(path) !== path) return false;
    if (!isErrno(error, "EEXIST") || !statSync(path).isDirectory()) throw error;
  }
  return true;
}

function lookAt(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw ioError(error, { what: "look at the store's directory", path });
  }
}

function checkSameFilesystem(root: string, part: string): void {
  const stat = lookAt(part);
  if (stat.isDirectory() && stat.dev === lookAt(root).dev) return;
  throw new StoreError(
    "CROSS_FILESYSTEM",
    `expected a directory on the filesystem of the store's root ${root}: ${part}`,
    { hint: "Give the store a filesystem as a whole: mount it at the root, not below" },
  );
}
