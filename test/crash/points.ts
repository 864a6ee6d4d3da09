// The points at which a daemon can be struck: every system call on its root or on the callers'
// files. A recorded run yields them.
import type { Fault } from "./strace.js";
import { isWithin, type Call } from "./trace.js";

export interface Point {
  /** Position of the thread in the order in which the daemon created its threads. */
  readonly thread: number;
  readonly syscall: string;
  /** Ordinal of this call among the thread's calls of that name, from 1. */
  readonly nth: number;
  /** The answer waits for it, so a caller may rely on it after a success. */
  readonly promised: boolean;
  /** Relative to the root, without ids, for people. */
  readonly what: string;
}

/** Calls that change the disk, so that a kill before them and after them differs. */
const changing = new Set([
  ...["mkdir", "rename", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat"],
  ...["write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync"],
  ...["copy_file_range", "ioctl", "fchmod", "chmod", "chown", "sync_file_range", "symlink"],
]);

/**
 * A crash releases the locks of the holder and of SQLite. Failing these calls makes sense only as a
 * whole.
 */
export function pointsOf(
  calls: readonly Call[],
  threads: readonly number[],
  directories: readonly string[],
  { answeredAt, follows }: { readonly answeredAt: number; readonly follows: RegExp | undefined },
): Point[] {
  const counts = new Map<string, number>();
  const points: Point[] = [];
  let following = false;
  for (const { threadId, name, paths, text, beganAt } of calls) {
    const key = `${threadId} ${name}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    const thread = threads.indexOf(threadId);
    const path = paths.find((each) => directories.some((one) => isWithin(each, one)));
    if (thread < 0 || path === undefined || path.endsWith(".sock")) continue;
    const what = `${changes(name, text) ? "" : "reading "}${withoutIds(path, directories)}`;
    following ||= follows?.test(`${name} ${what}`) === true;
    points.push({ thread, syscall: name, nth, promised: !following && beganAt < answeredAt, what });
  }
  return points;
}

/** Errors that a disk can return from any call. */
export const diskErrors: readonly Fault[] = ["EIO", "ENOSPC"];

export function faultsAt(point: Point): Fault[] {
  const killed: Fault[] = point.what.startsWith("reading ") ? [] : ["KILL"];
  return [...killed, ...diskErrors];
}

function changes(name: string, text: string): boolean {
  return changing.has(name) || (name === "openat" && text.includes("O_CREAT"));
}

export function withoutIds(path: string, directories: readonly string[]): string {
  const base = directories.find((one) => isWithin(path, one)) ?? "";
  const relative = path.slice(base.length + 1);
  return relative.replaceAll(/[0-9a-hjkmnp-tv-z]{16}/g, "ID") || ".";
}

export function pointText({ thread, syscall, nth }: Point): string {
  return `${thread === 0 ? "main" : `thread${thread}`}.${syscall}.${nth}`;
}
