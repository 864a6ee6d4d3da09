// Lets only one daemon use a root. The kernel releases the lock when its holder dies. The lock
// belongs to an open file description and covers the bytes that SQLite locks. It therefore also
// keeps out builds that lock with SQLite, and it needs neither a journal nor free space.
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  openSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "../base/errors.js";
import { ioError, withIoError } from "../holes/errno.js";
import { lockRange, lockingProcess, type LockKind } from "../holes/native.js";
import {
  describeSelf,
  deviceAndInodeOf,
  livenessOf,
  parseHolder,
  parseShownHolder,
  readHolderText,
  removeQuietly,
  writeHolder,
  type LockHolder,
} from "./lock-holder.js";
import { findLockOwner } from "./lock-owner.js";

interface RootLock extends AsyncDisposable {
  readonly holder: LockHolder;
  /** Releases the lock for the next daemon. Further calls have no effect. */
  release(): void;
}

export interface RootLockFiles {
  readonly root: string;
  /**
   * The file that is locked. Only the lock matters: the file stays empty, or as SQLite has left it.
   */
  readonly lockDatabase: string;
  /** See lock-holder.ts. */
  readonly lockInfo: string;
}

/** PENDING_BYTE, RESERVED_BYTE and the shared range of https://sqlite.org/src/file/src/os.h. */
const sqliteLockBytes = { start: 0x4000_0000, length: 512 };

/**
 * Limits of the attempts. Builds that lock with SQLite take a shared lock before they fail, so the
 * pauses between attempts have random lengths.
 */
const maxAttempts = 5;
const maxPauseMs = 20;

/** The longest wait for a killed process, which releases its locks a moment before it is gone. */
const endingMs = 2000;
const endingPauseMs = 50;

/**
 * The interval at which a holder touches lock.info where other machines may have the same files.
 */
export const heartbeatMs = 2000;
const silenceMs = 2.5 * heartbeatMs;

/** The nonces of the locks that this process holds. */
const ownNonces = new Set<string>();

/**
 * Locks the root until the lock is released or this process ends. Throws ROOT_LOCKED if another
 * process uses the root. The message names that process if it is known.
 */
export function lockRoot(files: RootLockFiles): Promise<RootLock> {
  return withIoError({ what: "lock the root", path: files.root }, () => takeLock(files));
}

async function takeLock(files: RootLockFiles): Promise<RootLock> {
  const { lockInfo } = files;
  const descriptor = await acquire(files, "write");
  const self = describeSelf(files.root);
  try {
    await requireNoOther(files, self);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  // If this process cannot write its text, the file is deleted, because the text of a killed holder
  // would name the wrong process.
  if (!writeHolder(lockInfo, self)) removeQuietly(lockInfo);
  // A build that locked with SQLite may have left this file.
  removeQuietly(`${files.lockDatabase}-journal`);
  ownNonces.add(self.nonce);
  const release = (): void => {
    if (!ownNonces.delete(self.nonce)) return;
    endHolder(files, self);
    closeSync(descriptor);
  };
  return {
    holder: self,
    release,
    [Symbol.asyncDispose]: () => {
      release();
      return Promise.resolve();
    },
  };
}

/**
 * Keeps daemons out while a caller only reads the store. Several callers may hold this lock at
 * once. This writes nothing, so it also works on a read-only filesystem. A store without a lock
 * file has no daemon.
 */
export async function lockForReading(files: RootLockFiles): Promise<Disposable> {
  if (!existsSync(files.lockDatabase)) return { [Symbol.dispose]: () => undefined };
  const context = { what: "lock the root for reading", path: files.root };
  const descriptor = await withIoError(context, () => acquire(files, "read"));
  return { [Symbol.dispose]: () => closeSync(descriptor) };
}

/**
 * Writes into lock.info that this holder has ended. Call this before the lock is released, because
 * afterwards the file may belong to the next holder. The text of another holder stays unchanged.
 */
function endHolder({ lockInfo, root }: RootLockFiles, self: LockHolder): void {
  // If the identity differs, another directory is at this path by now.
  if (deviceAndInodeOf(root) !== self.root) return;
  const found = parseHolder(readHolderText(lockInfo));
  if (found !== undefined && found.nonce !== self.nonce) return;
  const ended = { ...self, endedAt: new Date().toISOString() };
  if (!writeHolder(lockInfo, ended)) removeQuietly(lockInfo);
}

async function acquire(files: RootLockFiles, kind: LockKind): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const descriptor = openLock(files.lockDatabase, kind);
    try {
      if (lock(descriptor, kind, files) && isStillThere(descriptor, files)) return descriptor;
      if (attempt >= maxAttempts) throw lockedError(files, descriptor, kind);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    closeSync(descriptor);
    await delay(1 + Math.random() * maxPauseMs);
  }
}

function openLock(path: string, kind: LockKind): number {
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
  const flags = O_NOFOLLOW | O_NONBLOCK | (kind === "read" ? O_RDONLY : O_RDWR | O_CREAT);
  try {
    const descriptor = openSync(path, flags, 0o600);
    try {
      const { mode } = fstatSync(descriptor);
      // Any user who can open the file could lock it and so prevent the daemon from starting.
      if (kind === "write" && (mode & 0o777) !== 0o600) fchmodSync(descriptor, 0o600);
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  } catch (error) {
    throw ioError(error, { what: "open the lock of the root", path });
  }
}

function lock(descriptor: number, kind: LockKind, { lockDatabase }: RootLockFiles): boolean {
  try {
    return lockRange(descriptor, kind, sqliteLockBytes);
  } catch (error) {
    throw ioError(error, { what: "lock the root", path: lockDatabase });
  }
}

/**
 * Returns whether the locked file is still at its path. If it is not, the lock is on a file that
 * nobody else will open.
 */
function isStillThere(descriptor: number, { lockDatabase }: RootLockFiles): boolean {
  const held = fstatSync(descriptor);
  const found = statSync(lockDatabase, { throwIfNoEntry: false });
  return found?.ino === held.ino && found.dev === held.dev;
}

/**
 * Throws if another daemon serves these files with a lock that this process cannot see: the
 * filesystem does not forward locks, or somebody has replaced the lock file.
 */
async function requireNoOther(files: RootLockFiles, self: LockHolder): Promise<void> {
  const { lockInfo, root } = files;
  for (let waitedMs = 0; ; waitedMs += endingPauseMs) {
    const holder = parseHolder(readHolderText(lockInfo));
    const liveness = livenessOf(holder, self, ownNonces);
    if (liveness === "ended") return;
    if (liveness === "unknown") {
      if (!isShared(root) || (await isSilent(lockInfo))) return;
      throw heldWithoutLock(files, holder);
    }
    if (waitedMs >= endingMs) throw heldWithoutLock(files, holder);
    await delay(endingPauseMs);
  }
}

/**
 * Waits longer than the pauses of a live holder, and returns whether nobody has touched the file.
 */
async function isSilent(path: string): Promise<boolean> {
  const before = touchedAt(path);
  await delay(silenceMs);
  return touchedAt(path) === before;
}

function touchedAt(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.mtimeNs}`;
}

/**
 * `f_type` of filesystems that only one kernel mounts: ext2 to ext4, XFS, Btrfs, tmpfs, overlay,
 * F2FS, ZFS, bcachefs. Their locks hold for all users of the files.
 */
const localFilesystems: readonly number[] = [
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
];

/** Returns whether other machines may use the same files. */
export function isShared(path: string): boolean {
  return !localFilesystems.includes(statfsSync(path).type);
}

function lockedError(files: RootLockFiles, descriptor: number, kind: LockKind): StoreError {
  const shown = parseShownHolder(readHolderText(files.lockInfo));
  const ended = parseHolder(readHolderText(files.lockInfo))?.endedAt !== undefined;
  const holder = ended ? undefined : shown;
  const { ino } = fstatSync(descriptor, { bigint: true });
  const pid = lockingProcess(descriptor, kind, sqliteLockBytes) ?? 0;
  const owner = findLockOwner(pid, ino, holder?.pid);
  if (owner === undefined || owner.pid === holder?.pid) return rootLocked(files, { holder });
  const user = owner.uid === undefined ? "" : `, run by the user with id ${owner.uid}`;
  const who = `process ${owner.pid} (${owner.program}${user})`;
  return rootLocked(files, { who, metadata: { pid: String(owner.pid) } });
}

function heldWithoutLock(files: RootLockFiles, holder: LockHolder | undefined): StoreError {
  const hint =
    "That daemon runs although this one could lock the root: the filesystem does not forward locks, or " +
    `${files.lockDatabase} was replaced. Stop that daemon first, or give this one another root`;
  return rootLocked(files, { holder, hint });
}

interface Locked {
  readonly holder?: Pick<LockHolder, "pid" | "host" | "startedAt"> | undefined;
  readonly who?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly hint?: string;
}

function rootLocked({ lockDatabase }: RootLockFiles, locked: Locked): StoreError {
  const root = dirname(lockDatabase);
  const { holder } = locked;
  const described =
    holder === undefined
      ? { who: "another process", metadata: {} }
      : {
          who: `process ${holder.pid} on ${holder.host}, running since ${holder.startedAt}`,
          metadata: { pid: String(holder.pid), host: holder.host, started_at: holder.startedAt },
        };
  return new StoreError(
    "ROOT_LOCKED",
    `the root ${root} is in use by ${locked.who ?? described.who}`,
    {
      hint: locked.hint ?? "Stop that daemon first, or give this one another root",
      resource: { type: "directory", name: root },
      metadata: locked.metadata ?? described.metadata,
    },
  );
}
