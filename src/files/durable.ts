// Changes that survive a power cut when the call has returned.
//
// A rule holds everywhere: fsync is called once. When it has failed, the kernel may have dropped
// the data and report success the next time, so the file is given up instead.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, opendir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, ioError, withIoError } from "../holes/errno.js";
import { versionOf } from "../model/format.js";
import { disk } from "../holes/file-operations.js";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Makes the entries of a directory durable: names made, renamed and removed. */
export async function fsyncDirectory(path: string): Promise<void> {
  await withIoError({ what: "make the directory durable", path }, async () => {
    await using handle = await disk.open(path, O_RDONLY | O_DIRECTORY);
    await handle.sync();
  });
}

/** Makes a file durable that another program has written. */
export async function fsyncFile(path: string): Promise<void> {
  await withIoError({ what: "make the file durable", path }, async () => {
    await using handle = await disk.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    await handle.sync();
  });
}

/** Writes a file that did not exist. Its content is durable; its name is when the directory is. */
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

/** Writes or replaces a file: after a crash there is the old content or the new, whole. */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array,
  mode: number = 0o600,
): Promise<void> {
  await replaceFile(path, bytes, mode);
  await fsyncDirectory(dirname(path));
}

/** `writeFileDurably` for several files of one directory, which the caller makes durable last. */
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
 * Replaces a file of JSON that is not made durable: a crash may leave the old one, or what can't be read. One that a
 * newer stasis has written stays as it is.
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
 * What `replaceLoosely` has written, or undefined when it is missing, can't be read, or was written by a newer
 * stasis.
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

/** Renames a directory or file durably. An existing target is an error, EEXIST its cause. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await withIoError({ what: `rename to ${to}`, path: from }, () => renameOnly(from, to));
  await fsyncParents(from, to);
}

/**
 * To be called before a directory is renamed into another parent whose old parent is synced
 * afterwards. Else btrfs (seen on Linux 6.18) can write both names of a new directory into its log, and after
 * a power cut it refuses to be mounted: "invalid nlink: has 2 expect no more than 1 for dir". With the old
 * parent in the log before the rename, the rename takes the name out of there.
 */
export async function fsyncBeforeMove(from: string): Promise<void> {
  await fsyncDirectory(dirname(from));
}

/** Makes a rename durable: the target's parent first, so that a name is never in neither. */
export async function fsyncParents(from: string, to: string): Promise<void> {
  for (const parent of new Set([dirname(to), dirname(from)])) await fsyncDirectory(parent);
}

/** rename(2) that never replaces. Node's own replaces an empty directory without a word. */
export async function renameOnly(from: string, to: string): Promise<void> {
  try {
    await disk.renameWithoutReplace(from, to);
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOSYS")) throw error;
    // EINVAL is also the answer of filesystems, such as NFS, that can't do it in one step.
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
 * Makes a directory for its owner alone, or finds it there. Not mkdir with `recursive`, whose promise says
 * ENOENT on a disk without an inode (seen in Node 20).
 */
export async function ensureDirectory(path: string, what: string): Promise<void> {
  try {
    await disk.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, "EEXIST") && (await lstat(path)).isDirectory()) return;
    throw ioError(error, { what, path });
  }
}

/** Whether there is anything at a path. An error is an error, never "no". */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: "look for", path });
  }
}

/** Removes a tree, or nothing when there is none; also directories that are read-only. It is not followed by any fsync. */
export async function removeTree(path: string): Promise<void> {
  try {
    await disk.rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, "EACCES", "EPERM")) throw ioError(error, { what: "remove", path });
    // Directories of stored files are read-only, which only root passes over.
    await withIoError({ what: "make removable", path }, () => makeRemovable(path));
    await withIoError({ what: "remove", path }, () =>
      disk.rm(path, { recursive: true, force: true }),
    );
  }
}

/** Leaves out what has gone meanwhile, and what belongs to another user: the removal that follows tells of that. */
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
