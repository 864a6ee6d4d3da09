// The modes of stored data. Data files and the directory that holds them are read-only for everybody, their owner
// included, so that a program that is given their path cannot change them by mistake. The mode that a file had before is
// kept in the manifest and the catalog; whatever leaves the store gets it back.
//
//   data/<id>/            0700, with a data group 0710: the daemon replaces manifest and block tables in it
//   data/<id>/files/      0550
//   data/<id>/files/*     0440
//
// A snapshot from before these modes has others until it is sealed: when its path is handed out, when the scrub
// reads it, or when it is repaired. `files/` gets its mode last but one, so that 0550 there means that the files have theirs.
import { constants, type Stats } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import type { Layout } from "./layout.js";
import type { StoredSnapshot } from "./stored.js";
import { disk } from "../holes/file-operations.js";

export const storedFileMode = 0o440;
export const storedDirectoryMode = 0o550;

/** What seals and undoes it need to know of a file or directory. */
export interface Attributes {
  /** Masked to 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function attributesOf({ mode, uid, gid }: Stats): Attributes {
  return { mode: mode & 0o7777, uid, gid };
}

/** The mode of a stored snapshot's own directory. */
function snapshotDirectoryMode({ dataGroup }: Layout): number {
  return dataGroup === undefined ? 0o700 : 0o710;
}

/** For a file that has its mode already. */
export async function giveToGroup(path: string, group: number): Promise<void> {
  await withIoError({ what: `give the file to group ${group}`, path }, () =>
    disk.chown(path, -1, group),
  );
}

/** Makes a data file read-only, whoever made it, and may read it or not. */
export async function sealFile(layout: Layout, path: string): Promise<void> {
  await using file = await holdFile(path);
  await seal(file, storedFileMode, layout);
}

/** Makes the directory of the data files read-only. Its files have been sealed. */
export async function sealFilesDirectory(layout: Layout, path: string): Promise<void> {
  await seal(atPath(path), storedDirectoryMode, layout);
}

/** Lets the data group, if there is one, through the directory of one snapshot, whose files have been sealed. */
export async function openSnapshotDirectory(layout: Layout, path: string): Promise<void> {
  await seal(atPath(path), snapshotDirectoryMode(layout), layout);
}

/** Seals what was stored by an earlier version or for another group; costs a look at each file otherwise. */
export async function sealStored(layout: Layout, stored: StoredSnapshot): Promise<void> {
  for (const { name } of stored.files) {
    await using handle = await stored.open(name);
    await seal(atHandle(handle, name), storedFileMode, layout);
  }
  await sealFilesDirectory(layout, layout.filesDirectory(stored.id));
  await openSnapshotDirectory(layout, layout.dataDirectory(stored.id));
}

/** A file or directory, by its path or by a descriptor. */
interface Place {
  readonly path: string;
  stat(): Promise<Stats>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
}

/** open(2): a descriptor that only names its file. Needs no permission on the file itself. */
const O_PATH = 0o10000000;

/** Of a regular file, and never of what a link in its place leads to. */
async function holdFile(path: string): Promise<Place & AsyncDisposable> {
  const handle = await withIoError({ what: "open", path }, () =>
    open(path, O_PATH | constants.O_NOFOLLOW),
  );
  const close = (): Promise<void> => handle.close().catch(() => undefined);
  const self = `/proc/self/fd/${handle.fd}`;
  if ((await handle.stat()).isFile()) {
    const byDescriptor = { ...atPath(self), path, stat: () => handle.stat() };
    return { ...byDescriptor, [Symbol.asyncDispose]: close };
  }
  await close();
  throw new StoreError("STORED_DATA_CORRUPT", `expected a regular file: ${path}`);
}

/** Only for paths in directories that nobody else can write to: a link would be followed. */
function atPath(path: string): Place {
  return {
    path,
    stat: () => lstat(path),
    chmod: (mode) => disk.chmod(path, mode),
    chown: (uid, gid) => disk.chown(path, uid, gid),
  };
}

function atHandle(handle: FileHandle, path: string): Place {
  return {
    path,
    stat: () => handle.stat(),
    chmod: (mode) => handle.chmod(mode),
    chown: (uid, gid) => handle.chown(uid, gid),
  };
}

async function seal(place: Place, mode: number, { dataGroup }: Layout): Promise<void> {
  const before = attributesOf(await withIoError({ what: "look at", path: place.path }, place.stat));
  try {
    await takeOwnership(place, before);
    if (dataGroup !== undefined && before.gid !== dataGroup) await place.chown(-1, dataGroup);
    if (before.mode !== mode) await place.chmod(mode);
  } catch (error) {
    // Where nothing can be written, nothing needs to be kept from it.
    if (isErrno(error, "EROFS")) return;
    if (isErrno(error, "EPERM")) throw notOurs(place.path, before.uid, error);
    throw ioError(error, { what: "make read-only", path: place.path });
  }
}

/**
 * Its owner could make a file writable again. Only root can take it from them; for others the chmod that follows decides.
 */
async function takeOwnership(place: Place, { uid }: Attributes): Promise<void> {
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

/** Whether the directory of the data files is as `sealFilesDirectory` leaves it. */
export async function isSealed(directory: string): Promise<boolean> {
  const { mode } = await withIoError({ what: "look at", path: directory }, () => lstat(directory));
  return (mode & 0o777) === storedDirectoryMode;
}

/** Gives a directory back what `seal` has changed. True if something was. */
export function restoreAttributes(path: string, before: Attributes): Promise<boolean> {
  return restore(atPath(path), before);
}

/** The same for a data file. One that has neither its own owner and mode nor those of a sealed file is another file. */
export async function restoreFileAttributes(path: string, before: Attributes): Promise<boolean> {
  await using file = await holdFile(path);
  const { mode, uid } = attributesOf(await file.stat());
  const isOurs = uid === before.uid || uid === process.geteuid?.();
  const isSealed = mode === before.mode || mode === storedFileMode;
  return isOurs && isSealed && (await restore(file, before));
}

function restore(place: Place, before: Attributes): Promise<boolean> {
  return withIoError({ what: "give back owner and mode", path: place.path }, async () => {
    const now = attributesOf(await place.stat());
    const moved = now.uid !== before.uid || now.gid !== before.gid;
    if (moved) await place.chown(before.uid, before.gid);
    // Also after a chown, which takes the set-user-id bits away.
    if (moved || now.mode !== before.mode) await place.chmod(before.mode);
    return moved || now.mode !== before.mode;
  });
}

/** Changes names in a directory that may be sealed. */
export async function whileWritable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const context = { what: "make writable", path: directory };
  const { mode } = attributesOf(await withIoError(context, () => lstat(directory)));
  if ((mode & 0o300) === 0o300) return work();
  await withIoError(context, () => disk.chmod(directory, mode | 0o300));
  try {
    return await work();
  } finally {
    // What a crash leaves open is sealed when it is handed out next.
    await withIoError({ ...context, what: "make read-only" }, () => disk.chmod(directory, mode));
  }
}
