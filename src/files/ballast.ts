// Reserves disk space with files of random bytes, the ballast. When the disk is full, the store
// deletes them to free bytes and inodes, so that a daemon can start and delete snapshots.
import { randomBytes } from "node:crypto";
import { lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isStoreError } from "../base/errors.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import { ensureDirectory, exists, removeTree } from "./durable.js";
import type { Layout } from "./layout.js";
import { disk } from "../holes/file-operations.js";

interface BallastPart {
  readonly name: string;
  readonly bytes: number;
  /** Number of extended attributes of the file, each of `attributeBytes` bytes. */
  readonly attributes?: number;
}

/**
 * The ballast on every filesystem: 4 MiB in 16 files. The catalog's log grows to 4 MiB before
 * SQLite writes it from the beginning again, and a start makes fewer than ten files: the log, the
 * socket, the catalog mark and some probes.
 */
const parts: readonly BallastPart[] = Array.from({ length: 16 }, (_, index) => ({
  name: `part-${String(index).padStart(2, "0")}`,
  bytes: 256 * 1024,
}));

/** Bytes of the ballast, not counting the metadata part, which exists only on btrfs. */
export const ballastBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * When btrfs has no room left for metadata, deleting data files frees no metadata. Extended
 * attributes are metadata, and those of one file are freed at once. Many small files would take a
 * minute to delete on a full btrfs.
 */
const metadataPart: BallastPart = { name: "metadata", bytes: 1, attributes: 128 };
/** Bytes of one attribute: a little less than fits into a metadata block of 16 KiB. */
const attributeBytes = 15_000;
const btrfsType = 0x9123683e;

/**
 * Makes the missing parts of the ballast. Returns false if the disk has no room for all of them.
 */
export async function ensureBallast(layout: Layout): Promise<boolean> {
  const missing = await missingParts(layout);
  if (missing.length === 0) return true;
  try {
    await makeDirectory(layout.ballast);
    for (const part of missing) await makePart(layout.ballast, part);
    return true;
  } catch (error) {
    if (isStoreError(error, "STORAGE_FULL")) return false;
    throw error;
  }
}

/**
 * Longest wait for freed inodes. XFS frees the inodes of deleted files in the background, within
 * milliseconds.
 */
const freeingLimitMs = 2000;
const freeingStepMs = 10;

/**
 * Deletes the ballast, and waits until the freed space is usable, but at most `freeingLimitMs`. Has
 * no effect if there is no ballast.
 */
export async function releaseBallast(layout: Layout): Promise<void> {
  if (!(await exists(layout.ballast))) return;
  await removeTree(layout.ballast);
  const end = performance.now() + freeingLimitMs;
  while (!(await canMakeFile(layout)) && performance.now() < end) await pause(freeingStepMs);
}

export async function isBallastComplete(layout: Layout): Promise<boolean> {
  return (await missingParts(layout)).length === 0;
}

/**
 * Free space that is ample. With less, other programs may take the rest while the daemon starts.
 */
const amplyBytes = 32 * 1024 * 1024;
const amplyInodes = 256;
const probeBytes = 64 * 1024;

/** Returns whether a start should delete the ballast first, because little or nothing is free. */
export async function isShortOfRoom(layout: Layout): Promise<boolean> {
  const { bavail, bsize, files, ffree } = await statfs(layout.root);
  if (bavail * bsize < amplyBytes || (files > 0 && ffree < amplyInodes)) return true;
  // These numbers include neither quotas nor the metadata of btrfs.
  return !(await canMakeFile(layout));
}

async function canMakeFile(layout: Layout): Promise<boolean> {
  const probe = join(layout.root, ".room");
  try {
    await writePart(probe, probeBytes);
    return true;
  } catch (error) {
    if (isStoreError(error, "STORAGE_FULL")) return false;
    throw error;
  } finally {
    await disk.rm(probe, { force: true }).catch(() => undefined);
  }
}

async function missingParts({ ballast, root }: Layout): Promise<readonly BallastPart[]> {
  const wanted = (await isBtrfs(root)) ? [metadataPart, ...parts] : parts;
  const there = await namesIn(ballast);
  const missing: BallastPart[] = [];
  for (const part of wanted) {
    if (!there.has(part.name) || !(await isWhole(join(ballast, part.name), part))) {
      missing.push(part);
    }
  }
  return missing;
}

async function isBtrfs(root: string): Promise<boolean> {
  const { type } = await withIoError({ what: "look at the filesystem", path: root }, () =>
    statfs(root),
  );
  return type === btrfsType;
}

async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return new Set();
    throw ioError(error, { what: "look at the ballast", path: directory });
  }
}

async function isWhole(path: string, { bytes }: BallastPart): Promise<boolean> {
  try {
    const stat = await lstat(path);
    return stat.isFile() && stat.size === bytes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: "look at the ballast", path });
  }
}

/** Makes the directory of the ballast. An older version kept its ballast in a file of this name. */
async function makeDirectory(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isFile() === true) await disk.unlink(path);
  await ensureDirectory(path, "make the ballast");
}

async function makePart(directory: string, part: BallastPart): Promise<void> {
  const path = join(directory, part.name);
  try {
    if (part.attributes !== undefined) await makeAttributes(path, part.attributes);
    await writePart(path, part.bytes);
  } catch (error) {
    await disk.rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Makes the file with the extended attributes. The caller then writes the file's one byte, so a
 * file with that byte is complete.
 */
async function makeAttributes(path: string, count: number): Promise<void> {
  await writePart(path, 0);
  await withIoError({ what: "make the ballast", path }, async () => {
    for (let index = 0; index < count; index += 1) {
      await disk.setAttribute(path, `user.ballast.${index}`, randomBytes(attributeBytes));
    }
  });
}

/**
 * Writes a file of random bytes, which no filesystem can compress. They are not synced: they take
 * up space as soon as they are written, and a crash that loses them loses nothing else.
 */
async function writePart(path: string, bytes: number): Promise<void> {
  await withIoError({ what: "make the ballast", path }, () =>
    disk.writeFile(path, randomBytes(bytes), { mode: 0o600 }),
  );
}
