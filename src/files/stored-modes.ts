// Sets the modes of stored data. Data files and their directory are read-only for everybody,
// including their owner, so that a program that is given their path cannot change them by mistake.
// The manifest and the catalog record the mode that a file had before. Each operation that hands a
// file out of the store restores that mode.
//
//   data/<id>/            0700, with a data group 0710: the daemon replaces files in it
//   data/<id>/files/      0550
//   data/<id>/files/*     0440
//
// A snapshot from before these modes is sealed when its path is handed out, when the scrub reads
// it, or when it is repaired. In these cases `files/` gets its mode after its files, and a
// directory that is taken over is published only when both have their modes. If `files/` of a
// stored snapshot has mode 0550, its files therefore have mode 0440.
import { constants, type Stats } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import { closeQuietly } from "../base/quietly.js";
import { O_PATH } from "./held-directory.js";
import type { Layout } from "./layout.js";
import type { StoredSnapshot } from "./stored.js";
import { disk } from "../holes/file-operations.js";

export const storedFileMode = 0o440;
const storedDirectoryMode = 0o550;

/** The attributes that sealing changes and that unsealing restores. */
export interface Attributes {
  /** The mode, masked to 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function attributesOf({ mode, uid, gid }: Stats): Attributes {
  return { mode: mode & 0o7777, uid, gid };
}

/** Returns the mode of a stored snapshot's own directory. */
function snapshotDirectoryMode({ dataGroup }: Layout): number {
  return dataGroup === undefined ? 0o700 : 0o710;
}

/** Gives a file that already has its mode to the data group. */
export async function giveToGroup(path: string, group: number): Promise<void> {
  await withIoError({ what: `give the file to group ${group}`, path }, () =>
    disk.chown(path, -1, group),
  );
}

/**
 * Makes a data file read-only, even if the daemon may not read it. Throws FIELD_INVALID if the
 * daemon neither owns the file nor runs as root.
 */
export async function sealFile(layout: Layout, path: string): Promise<void> {
  await using file = await holdFile(path);
  await seal(file, storedFileMode, layout);
}

/** Makes the directory of the data files read-only. */
export async function sealFilesDirectory(layout: Layout, path: string): Promise<void> {
  await seal(atPath(path), storedDirectoryMode, layout);
}

/**
 * Lets the data group, if there is one, pass through the directory of one snapshot. Its files must
 * be sealed.
 */
export async function openSnapshotDirectory(layout: Layout, path: string): Promise<void> {
  await seal(atPath(path), snapshotDirectoryMode(layout), layout);
}

/**
 * Seals a snapshot that an earlier version stored, or that was stored for another group. For any
 * other snapshot it only opens each file and looks at its mode.
 */
export async function sealStored(layout: Layout, stored: StoredSnapshot): Promise<void> {
  for (const { name } of stored.files) {
    await using handle = await stored.open(name);
    await seal(atHandle(handle, name), storedFileMode, layout);
  }
  await sealFilesDirectory(layout, layout.filesDirectory(stored.id));
  await openSnapshotDirectory(layout, layout.dataDirectory(stored.id));
}

/** A file or directory, by its path or by a descriptor. */
interface FileOrDirectory {
  readonly path: string;
  stat(): Promise<Stats>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
}

/** Opens a regular file, and never follows a symbolic link in its place. */
async function holdFile(path: string): Promise<FileOrDirectory & AsyncDisposable> {
  const handle = await withIoError({ what: "open", path }, () =>
    open(path, O_PATH | constants.O_NOFOLLOW),
  );
  const close = (): Promise<void> => closeQuietly(handle);
  const self = `/proc/self/fd/${handle.fd}`;
  try {
    const found = await withIoError({ what: "look at", path }, () => handle.stat());
    if (found.isFile()) {
      const byDescriptor = { ...atPath(self), path, stat: () => handle.stat() };
      return { ...byDescriptor, [Symbol.asyncDispose]: close };
    }
    throw new StoreError("STORED_DATA_CORRUPT", `expected a regular file: ${path}`);
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Uses a file by its path, where a change follows symbolic links. Use this only for paths in
 * directories that nobody else can write to.
 */
function atPath(path: string): FileOrDirectory {
  return {
    path,
    stat: () => lstat(path),
    chmod: (mode) => disk.chmod(path, mode),
    chown: (uid, gid) => disk.chown(path, uid, gid),
  };
}

function atHandle(handle: FileHandle, path: string): FileOrDirectory {
  return {
    path,
    stat: () => handle.stat(),
    chmod: (mode) => handle.chmod(mode),
    chown: (uid, gid) => handle.chown(uid, gid),
  };
}

async function seal(place: FileOrDirectory, mode: number, { dataGroup }: Layout): Promise<void> {
  const before = attributesOf(await withIoError({ what: "look at", path: place.path }, place.stat));
  try {
    await takeOwnership(place, before);
    if (dataGroup !== undefined && before.gid !== dataGroup) await place.chown(-1, dataGroup);
    if (before.mode !== mode) await place.chmod(mode);
  } catch (error) {
    // On a read-only filesystem nobody can change the file anyway.
    if (isErrno(error, "EROFS")) return;
    if (isErrno(error, "EPERM")) throw notOurs(place.path, before.uid, error);
    throw ioError(error, { what: "make read-only", path: place.path });
  }
}

/**
 * Makes the daemon's user the owner of a file, because another owner could make the file writable
 * again. Only root can change the owner. For other users, the chmod that follows fails if they do
 * not own the file.
 */
async function takeOwnership(place: FileOrDirectory, { uid }: Attributes): Promise<void> {
  const own = process.geteuid?.() ?? 0;
  if (uid === own || own !== 0) return;
  try {
    await place.chown(own, -1);
  } catch (error) {
    if (!isErrno(error, "EPERM", "EINVAL")) throw error;
  }
}

export function notOurs(path: string, uid: number, cause?: unknown): StoreError {
  const own = process.geteuid?.() ?? 0;
  const message = `cannot make ${path} read-only: it belongs to user ${uid}, and the daemon runs as user ${own}`;
  return new StoreError("FIELD_INVALID", message, {
    hint: "Copy it instead: create without --move, or import. Or give the files to the daemon's user (chown)",
    cause,
    metadata: { path, uid: String(uid) },
  });
}

/** Returns whether the directory of the data files has the mode that `sealFilesDirectory` sets. */
export async function isSealed(directory: string): Promise<boolean> {
  const { mode } = await withIoError({ what: "look at", path: directory }, () => lstat(directory));
  return (mode & 0o777) === storedDirectoryMode;
}

/**
 * Gives a directory or a file the attributes `before`, for example those from before `seal`.
 * Returns true if this changed any.
 */
export function restoreAttributes(path: string, before: Attributes): Promise<boolean> {
  return restore(atPath(path), before);
}

/**
 * Restores the attributes of a data file as `restoreAttributes` does, but follows no symbolic link.
 * A file that has neither its own owner and mode nor those of a sealed file is another file and
 * stays unchanged.
 */
export async function restoreFileAttributes(path: string, before: Attributes): Promise<boolean> {
  await using file = await holdFile(path);
  const { mode, uid } = attributesOf(
    await withIoError({ what: "look at", path }, () => file.stat()),
  );
  const isOurs = uid === before.uid || uid === process.geteuid?.();
  const isSealed = mode === before.mode || mode === storedFileMode;
  return isOurs && isSealed && (await restore(file, before));
}

function restore(place: FileOrDirectory, before: Attributes): Promise<boolean> {
  return withIoError({ what: "restore owner and mode", path: place.path }, async () => {
    const now = attributesOf(await place.stat());
    const moved = now.uid !== before.uid || now.gid !== before.gid;
    if (moved) await place.chown(before.uid, before.gid);
    // A chown also requires this chmod, because it clears the set-user-id bits.
    if (moved || now.mode !== before.mode) await place.chmod(before.mode);
    return moved || now.mode !== before.mode;
  });
}

/** Makes the directory writable, if it is sealed, while `work` changes names in it. */
export async function whileWritable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const context = { what: "make writable", path: directory };
  const { mode } = attributesOf(await withIoError(context, () => lstat(directory)));
  if ((mode & 0o300) === 0o300) return work();
  await withIoError(context, () => disk.chmod(directory, mode | 0o300));
  try {
    return await work();
  } finally {
    // If a crash leaves the directory writable, it is sealed when it is handed out next.
    await withIoError({ ...context, what: "make read-only" }, () => disk.chmod(directory, mode));
  }
}
