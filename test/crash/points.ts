// Lists the points at which a fault can be injected: every system call on the daemon's root or on
// the callers' files. A recorded run yields the points.
import type { Fault } from "./strace.js";
import { isWithin, type Call } from "./trace.js";

export interface Point {
  /** The position of the thread in the order in which the daemon created its threads. */
  readonly thread: number;
  readonly syscall: string;
  /** The ordinal of this call among the thread's calls of that name, from 1. */
  readonly nth: number;
  /**
   * True if the answer waits for this call, so that a caller may rely on its effect after a
   * success.
   */
  readonly promised: boolean;
  /** The path relative to the root, without ids, for people. */
  readonly what: string;
}

/** These calls change the disk, so a kill before such a call differs from a kill after it. */
const changing = new Set([
  ...["mkdir", "rename", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat"],
  ...["write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync"],
  ...["copy_file_range", "ioctl", "fchmod", "chmod", "chown", "sync_file_range", "symlink"],
]);

/**
 * Returns the points of a recorded run. `promised` is true for calls that began before the answer.
 * From the first call that matches `follows` it is false, because the answer does not wait for that
 * work.
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

/** A disk can return these errors from any call. */
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
