// Checks whether the root is still the directory that this daemon has locked. This is no longer
// true if somebody renames, replaces or unmounts it, or if another daemon takes it over. The latter
// happens only where the filesystem does not forward locks, or after somebody has replaced the lock
// file.
//
// The check runs
// - before each change of the catalog, so before each publication and deletion, and before reads;
// - every two seconds, for callers that only want to know (health).
//
// A root that returns is served again. A root that another daemon has taken over is not, because
// its catalog has changed without this daemon.
import { closeSync, constants, fstatSync, openSync, utimesSync } from "node:fs";
import { StoreError, restated } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { errnoCode } from "../holes/errno.js";
import {
  deviceAndInodeOf,
  parseHolder,
  parseShownHolder,
  readHolderText,
  writeHolder,
  type LockHolder,
  type ShownHolder,
} from "./lock-holder.js";
import { heartbeatMs, isShared, type RootLockFiles } from "./root-lock.js";

export interface RootGuard extends Disposable {
  /**
   * Throws ROOT_UNAVAILABLE if the root is not the one that was locked, or was taken over. A check
   * takes about 20 µs.
   */
  check(): void;
  /**
   * Returns undefined if the last check, at most two seconds ago, found no problem. Otherwise
   * checks again and returns the result.
   */
  problem(): StoreError | undefined;
  /**
   * Returns whether another daemon writes to the store. If so, this daemon must not touch the store
   * any more, not even to close it.
   */
  isTakenOver(): boolean;
}

/** Watches the root for the holder of its lock until the guard is disposed. */
export function guardRoot(
  files: RootLockFiles,
  holder: LockHolder,
  logger: Pick<Logger, "error" | "warn">,
): RootGuard {
  const { root, lockInfo } = files;
  // The descriptor stays open, so that no other directory gets the root's inode number.
  const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  const identity = `${dev}:${ino}`;
  let takenOver: StoreError | undefined;
  let last: StoreError | undefined;
  let ended = false;

  const look = (): StoreError | undefined => {
    if (takenOver !== undefined) return takenOver;
    const moved = findMove(root, identity);
    if (moved !== undefined) return moved;
    const text = readHolderText(lockInfo);
    // If there is no text, somebody has deleted the file that announces this daemon to others.
    if (text === undefined) writeHolder(lockInfo, holder);
    const other = otherHolder(text, holder);
    if (other !== undefined) takenOver = takenOverError(root, other);
    return takenOver;
  };
  const lookAndTell = (): StoreError | undefined => {
    // After the guard was disposed, the root may belong to the next daemon.
    if (ended) return last;
    const before = last;
    last = look();
    if (last !== undefined && before === undefined) {
      logger.error({ err: last }, "the root is not available: nothing is read or stored");
    }
    if (last === undefined && before !== undefined) logger.warn({ root }, "the root is back");
    return last;
  };
  const shared = isShared(root);
  const timer = setInterval(() => {
    if (lookAndTell() === undefined && shared) touch(lockInfo);
  }, heartbeatMs);
  timer.unref();
  return {
    check: () => {
      const problem = lookAndTell();
      // Each caller gets a new error, with its own stack.
      if (problem !== undefined) throw restated(problem, {});
    },
    // The problem may be over by now, and callers must not wait for the next check to learn that.
    problem: () => (last === undefined ? undefined : lookAndTell()),
    isTakenOver: () => takenOver !== undefined,
    [Symbol.dispose]: () => {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      closeSync(descriptor);
    },
  };
}

function findMove(root: string, identity: string): StoreError | undefined {
  let found: string;
  try {
    found = identityTwice(root);
  } catch (error) {
    return unavailable(root, `it cannot be looked at: ${errnoCode(error) ?? String(error)}`, error);
  }
  if (found === identity) return undefined;
  const what = found === "" ? "there is nothing at its path" : "another directory is at its path";
  return unavailable(root, `${what}: it was moved, replaced or unmounted`);
}

/**
 * Returns device and inode of the root. A single failed check does not prove that the root is gone,
 * so a second one decides.
 */
function identityTwice(root: string): string {
  try {
    return deviceAndInodeOf(root);
  } catch {
    return deviceAndInodeOf(root);
  }
}

/**
 * Returns the other holder that the text names. Unreadable text proves nothing, because it may be
 * half written.
 */
function otherHolder(text: string | undefined, own: LockHolder): ShownHolder | undefined {
  const holder = parseHolder(text);
  if (holder !== undefined) return holder.nonce === own.nonce ? undefined : holder;
  // A build without nonces may have written this text.
  const shown = parseShownHolder(text);
  return shown?.pid === own.pid && shown.host === own.host ? undefined : shown;
}

/** Shows a daemon on another machine that this one is alive. */
function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The next check reports a root that was moved or replaced, and writes a deleted file again.
  }
}

function unavailable(root: string, problem: string, cause?: unknown): StoreError {
  return new StoreError("ROOT_UNAVAILABLE", `the root ${root} is not available: ${problem}`, {
    hint: "Put the directory that the daemon has opened back in its place, or restart the daemon with the right root",
    resource: { type: "directory", name: root },
    ...(cause === undefined ? {} : { cause }),
  });
}

function takenOverError(root: string, { pid, host, startedAt }: ShownHolder): StoreError {
  const other = `process ${pid} on ${host}, running since ${startedAt}`;
  return new StoreError("ROOT_UNAVAILABLE", `the root ${root} was taken over by ${other}`, {
    hint:
      "Two daemons must not serve one root, and this filesystem does not keep them apart. " +
      "Stop both, run `stasis check --root`, then start one",
    resource: { type: "directory", name: root },
    metadata: { pid: String(pid), host, started_at: startedAt },
  });
}
