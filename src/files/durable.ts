// Makes changes to files that survive a power cut once the call has returned.
//
// One rule holds everywhere: a failed fsync is never repeated. The kernel may have dropped the data
// and report success the next time, so the store abandons the file.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, opendir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, ioError, withIoError } from "../holes/errno.js";
import { versionOf } from "../model/format.js";
import { disk } from "../holes/file-operations.js";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Makes the entries of a directory durable: names that were created, renamed or removed. */
export async function fsyncDirectory(path: string): Promise<void> {
  await withIoError({ what: "make the directory durable", path }, async () => {
    await using handle = await disk.open(path, O_RDONLY | O_DIRECTORY);
    await handle.sync();
  });
}

/** Makes the content of a file durable that was written through another descriptor. */
export async function fsyncFile(path: string): Promise<void> {
  await withIoError({ what: "make the file durable", path }, async () => {
    await using handle = await disk.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    await handle.sync();
  });
}

/**
 * Writes a file that must not exist. Its content is durable when this returns. Its name becomes
 * durable when the directory is synced.
 */
export async function writeNewFile(
  path: string,
  bytes: Uint8Array,
  mode: number = 0o600,
): Promise<void> {
  await withIoError({ what: "write the file", path }, async () => {
    await using handle = await disk.open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
    await handle.writeFile(bytes);
    await handle.sync();
  });
}

/**
 * Writes or replaces a file. After a crash the file has either its old content or the complete new
 * content.
 */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array,
  mode: number = 0o600,
): Promise<void> {
  await replaceFile(path, bytes, mode);
  await fsyncDirectory(dirname(path));
}

/**
 * Writes or replaces a file like `writeFileDurably`, for several files of one directory. The caller
 * syncs the directory after the last file.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  mode: number = 0o600,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeNewFile(temporary, bytes, mode);
    await withIoError({ what: "replace the file", path }, () => disk.rename(temporary, path));
  } catch (error) {
    await disk.unlink(temporary).catch(() => undefined);
    throw error;
  }
}

const looseVersion = 1;

/**
 * Replaces a JSON file without making it durable: a crash may leave the old file or an unreadable
 * one. A file that a newer stasis has written stays as it is.
 */
export async function replaceLoosely(path: string, value: object): Promise<void> {
  if (versionOf(await readJson(path)) > looseVersion) return;
  const temporary = `${path}.tmp`;
  await disk.rm(temporary, { force: true });
  const text = `${JSON.stringify({ version: looseVersion, ...value })}\n`;
  const flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY;
  await disk.writeFile(temporary, text, { mode: 0o600, flag: flags });
  await disk.rename(temporary, path);
}

/**
 * Reads what `replaceLoosely` has written. Returns undefined if the file is missing, unreadable, or
 * written by a newer stasis.
 */
export async function readLoosely(path: string): Promise<unknown> {
  const found = await readJson(path);
  return versionOf(found) > looseVersion ? undefined : found;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8")) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Syncs the old parent of a directory. Call this before renaming a directory into another parent
 * when the old parent is synced afterwards. Without this call, btrfs can write both names of a new
 * directory into its log (seen on Linux 6.18). After a power cut the filesystem then cannot be
 * mounted: "invalid nlink: has 2 expect no more than 1 for dir". If the old parent is in the log
 * before the rename, the rename removes the name from the log.
 */
export async function fsyncBeforeMove(from: string): Promise<void> {
  await fsyncDirectory(dirname(from));
}

/**
 * Makes a rename durable. The target's parent is synced first, so that a power cut cannot lose the
 * name from both parents.
 */
export async function fsyncParents(from: string, to: string): Promise<void> {
  for (const parent of new Set([dirname(to), dirname(from)])) await fsyncDirectory(parent);
}

/**
 * Moves a file to the place of another file. At every moment, one of the two files is at that
 * place. The caller syncs the directory.
 */
export async function moveOver(from: string, to: string): Promise<void> {
  await withIoError({ what: `move to ${to}`, path: from }, () => disk.rename(from, to));
}

/**
 * Renames as rename(2) does, but never replaces the target. Node's own rename silently replaces an
 * empty directory.
 */
export async function renameOnly(from: string, to: string): Promise<void> {
  try {
    await disk.renameWithoutReplace(from, to);
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOSYS")) throw error;
    // Filesystems such as NFS also answer EINVAL if they cannot do this in one step.
    await requireAbsent(to);
    await disk.rename(from, to);
  }
}

async function requireAbsent(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const error = new Error(`EEXIST: file already exists, rename '${path}'`);
  throw Object.assign(error, { code: "EEXIST", syscall: "rename" });
}

/**
 * Makes a directory that only its owner may use, or accepts an existing one. This does not use
 * mkdir with `recursive`, whose promise reports ENOENT on a disk without free inodes (seen in Node
 * 20).
 */
export async function ensureDirectory(path: string, what: string): Promise<void> {
  try {
    await disk.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw ioError(error, { what, path });
    const existing = await withIoError({ what, path }, () => lstat(path));
    if (!existing.isDirectory()) throw ioError(error, { what, path });
  }
}

/** Returns whether anything exists at a path. An error is thrown and never means "no". */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: "look for", path });
  }
}

/**
 * Deletes a tree, including read-only directories. Has no effect if `path` does not exist. Syncs
 * nothing.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await disk.rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, "EACCES", "EPERM")) throw ioError(error, { what: "remove", path });
    // The directories of stored files are read-only. Only root can ignore that.
    await withIoError({ what: "make removable", path }, () => makeRemovable(path));
    await withIoError({ what: "remove", path }, () =>
      disk.rm(path, { recursive: true, force: true }),
    );
  }
}

/**
 * Makes the directories of a tree writable. Skips entries that have vanished meanwhile or belong to
 * another user. The deletion that follows reports the latter.
 */
async function makeRemovable(path: string): Promise<void> {
  try {
    await disk.chmod(path, 0o700);
    for await (const entry of await opendir(path)) {
      if (entry.isDirectory()) await makeRemovable(join(path, entry.name));
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EPERM")) throw error;
  }
}
