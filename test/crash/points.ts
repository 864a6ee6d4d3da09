// The points at which a daemon can be struck: every system call that it makes on its root or on
// what callers gave it, found by recording one run.
import type { Fault } from "./strace.js";
import { isWithin, type Call } from "./trace.js";

export interface Point {
  /** Place of the thread in the order in which the daemon made its threads. */
  readonly thread: number;
  readonly syscall: string;
  /** The how-manieth call of that name of that thread, from 1. */
  readonly nth: number;
  /** The answer waits for it: a caller who is told of success may count on it. */
  readonly promised: boolean;
  /** Relative to the root, ids left out: for people. */
  readonly what: string;
}

/** Calls after which a killed daemon leaves another disk than before them. */
const changing = new Set([
  ...["mkdir", "rename", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat"],
  ...["write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync"],
  ...["copy_file_range", "ioctl", "fchmod", "chmod", "chown", "sync_file_range", "symlink"],
]);

/**
 * What the lock's holder and SQLite's locks are, a crash frees; their calls fail only as a whole.
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

/** What a disk can answer to any call. */
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
