// Finds out whether the filesystem of the store accepts writes and has free space. It changes
// nothing except the times of lock.info.
import { formatBytes, formatBytesApart } from "../base/sizes.js";
import { constants } from "node:fs";
import { access, open, statfs } from "node:fs/promises";
import { count } from "../base/count.js";
import { StoreError } from "../base/errors.js";
import { errnoCode, ioError, isErrno } from "../holes/errno.js";
import type { Layout } from "./layout.js";

interface LookOptions {
  /**
   * If true, the check also changes an inode, because some filesystems allow opening a file for
   * writing and then refuse every write.
   */
  readonly tryWrite: boolean;
}

/** Returns STORE_READ_ONLY, IO_FAILED, or undefined if the filesystem accepts writes. */
export async function findWriteProblem(
  { root, lockInfo }: Layout,
  { tryWrite }: LookOptions,
): Promise<StoreError | undefined> {
  try {
    await access(root, constants.W_OK);
    await openForWriting(lockInfo, tryWrite);
    return undefined;
  } catch (error) {
    if (isErrno(error, "EROFS")) return readOnlyError(root, error);
    if (!isErrno(error, "EIO", "EUCLEAN", "ENXIO")) return undefined;
    const failed = ioError(error, { what: "write to the filesystem of the store", path: root });
    return failed instanceof StoreError ? failed : undefined;
  }
}

export function readOnlyError(root: string, cause: unknown): StoreError {
  return new StoreError(
    "STORE_READ_ONLY",
    `the filesystem of the store is read-only (${errnoCode(cause) ?? "EROFS"}): ${root}`,
    {
      hint: "Check the kernel's log for the cause, then mount it read-write; reads still work",
      resource: { type: "directory", name: root },
      cause,
    },
  );
}

/**
 * Opens the file for writing. When ext4 has stopped after an error, access(2) succeeds and only
 * this open fails.
 */
async function openForWriting(path: string, tryWrite: boolean): Promise<void> {
  const { O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  try {
    await using file = await open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    const now = new Date();
    if (tryWrite) await file.utimes(now, now);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

const minFreeInodes = 16;

/**
 * Returns STORAGE_FULL if no byte, fewer than `reserveBytes` bytes or fewer than `minFreeInodes`
 * inodes are free. `takenBytes` returns the bytes that the store occupies, or undefined if they are
 * unknown. If they are known, an error about bytes also says how much other programs occupy.
 */
export async function findLackOfRoom(
  { root }: Layout,
  reserveBytes: number,
  takenBytes: () => number | undefined,
): Promise<StoreError | undefined> {
  const { bavail, bfree, blocks, bsize, files, ffree } = await statfs(root);
  const freeBytes = bavail * bsize;
  if (freeBytes < reserveBytes || freeBytes === 0) {
    const [free, kept] = formatBytesApart(freeBytes, reserveBytes);
    const whole = formatBytes(blocks * bsize);
    const found = `${free} of ${whole} are free, ${kept} are kept free`;
    const taken = takenBytes();
    if (taken === undefined) return fullError(root, found);
    const others = Math.max(0, (blocks - bfree) * bsize - taken);
    const shares = `other programs take ${formatBytes(others)}, the store ${formatBytes(taken)}`;
    return fullError(root, `${found}, ${shares}`, others > taken ? othersHint : undefined);
  }
  // A total of zero means that there is no limit on inodes, as on btrfs.
  if (files === 0 || ffree >= minFreeInodes) return undefined;
  return fullError(root, `${count(ffree, "inode")} left`);
}

const othersHint =
  "Remove what other programs store there, or add space; then delete snapshots and collect garbage";

export function fullError(root: string, found: string, hint?: string): StoreError {
  return new StoreError("STORAGE_FULL", `the filesystem of the store is full, ${found}: ${root}`, {
    hint:
      hint ??
      "Delete snapshots, collect garbage, remove what other programs store there, or add space",
    resource: { type: "directory", name: root },
  });
}
