// Derives the order of effects from the system calls of one undisturbed run. It finds a missing
// fsync that no power cut shows, because another file's fsync happened to flush the same journal.
import { dirname } from "node:path";
import { isWithin, type Call } from "./trace.js";

export interface Played {
  readonly calls: readonly Call[];
  readonly root: string;
  /**
   * Names the callers' directories. An answer also promises that the changes in them are durable.
   */
  readonly outside: string;
  readonly answeredAt: number;
  /** Names the files that a caller has written and handed over. They are not durable yet. */
  readonly given: readonly string[];
  /** True if the call stores or deletes a snapshot. */
  readonly changes: boolean;
  /**
   * True if the call deletes snapshots. Its answer also promises that the move to the trash is
   * durable.
   */
  readonly deletes: boolean;
}

const writes = new Set([
  "write",
  "writev",
  "pwrite64",
  "pwritev",
  "ftruncate",
  "fallocate",
  "fchmod",
  "chmod",
  "chown",
]);
const syncs = new Set(["fsync", "fdatasync"]);

/** Returns the violations of the order, as texts with the step at which they occur. */
export function orderProblems(played: Played): string[] {
  const { root, calls, answeredAt, changes, deletes } = played;
  const problems: string[] = [];
  // A replaced or taken snapshot is recorded in a durable transaction. The daemon moves it to the
  // trash in the background, and recovery repeats an unfinished move. A Delete and a collection
  // answer only when the move is durable.
  const pending = createPending(played.given, deletes ? undefined : `${root}/trash`);
  if (deletes && !movedBefore(calls, `${root}/trash`, answeredAt)) {
    problems.push("answered before it was moved to the trash");
  }
  const wal = `${root}/catalog.db-wal`;
  const lastCommitAt = lastCommit(calls, wal, answeredAt);
  let commits = 0;
  let answered = false;
  for (const call of calls) {
    if (!answered && call.beganAt >= answeredAt) {
      answered = true;
      problems.push(...unsafeAnswer(played, pending, commits));
    }
    if (call.failed) continue;
    if (changes && call.beganAt === lastCommitAt) {
      problems.push(...unpublished(pending, `${root}/data`));
    }
    if (syncs.has(call.name) && call.paths[0] === wal) commits += 1;
    problems.push(...badMove(call, root, { commits, walIsDirty: pending.has(wal), lastCommitAt }));
    pending.note(call);
  }
  return problems;
}

/**
 * Returns the time at which the program began to write the transaction that the answer depends on.
 */
function lastCommit(calls: readonly Call[], wal: string, answeredAt: number): number | undefined {
  let began: number | undefined;
  let last: number | undefined;
  for (const { name, paths, beganAt } of calls) {
    if (paths[0] !== wal || beganAt >= answeredAt) continue;
    if (writes.has(name)) began ??= beganAt;
    if (!syncs.has(name)) continue;
    last = began;
    began = undefined;
  }
  return last;
}

interface Pending {
  has(path: string): boolean;
  /** Returns the files and directories with changes that a power cut would lose. */
  all(): string[];
  note(call: Call): void;
}

/** Tracks the changes that are not durable. Moves into `free` need not be durable. */
function createPending(given: readonly string[], free: string | undefined): Pending {
  let paths = new Set<string>(given);
  const move = (from: string, to: string): void => {
    paths = new Set(
      [...paths].map((path) => (isWithin(path, from) ? to + path.slice(from.length) : path)),
    );
    paths.add(dirname(from));
    paths.add(dirname(to));
  };
  return {
    has: (path) => paths.has(path),
    all: () => [...paths],
    note({ name, paths: [first = "", second = ""], text }) {
      if (writes.has(name)) paths.add(first);
      else if (syncs.has(name)) paths.delete(first);
      else if (name === "copy_file_range") paths.add(second);
      else if (name === "ioctl" && text.includes("FICLONE")) paths.add(first);
      else if (name === "mkdir") paths.add(dirname(first));
      else if (name === "openat" && text.includes("O_EXCL")) paths.add(dirname(first));
      else if (name.startsWith("rename")) {
        if (free !== undefined && isWithin(second, free)) forget(paths, first);
        else move(first, second);
      } else if (name === "unlink" || name === "rmdir") forget(paths, first);
    },
  };
}

function movedBefore(calls: readonly Call[], directory: string, answeredAt: number): boolean {
  return calls.some(
    ({ name, paths: [, to = ""], beganAt, failed }) =>
      name.startsWith("rename") && !failed && beganAt < answeredAt && isWithin(to, directory),
  );
}

function forget(paths: Set<string>, removed: string): void {
  for (const path of paths) if (isWithin(path, removed)) paths.delete(path);
}

/** Checks that no answer depends on changes that a power cut would lose. */
function unsafeAnswer(played: Played, pending: Pending, commits: number): string[] {
  const { root, outside, changes } = played;
  const ignored = [`${root}/lock.db`, `${root}/lock.info`, `${root}/ballast`];
  const unsafe = pending.all().filter((path) => {
    if (!isWithin(path, root) && !isWithin(path, outside)) return false;
    if (path === root || path.startsWith(`${root}/trash/`)) return false;
    return !ignored.some((one) => path.startsWith(one));
  });
  const problems = unsafe.map((path) => `answered before it was durable: ${path}`);
  if (changes && commits === 0) problems.push("answered before anything was committed");
  return problems;
}

/**
 * Checks that the catalog records no snapshot before all of it is durable. Files with other links,
 * which wait in the snapshot's directory for the record, are not a part of it.
 */
function unpublished(pending: Pending, dataRoot: string): string[] {
  const isWaiting = (path: string): boolean =>
    /^[^/]+\/linked\//.test(path.slice(dataRoot.length + 1));
  return pending
    .all()
    .filter((path) => isWithin(path, dataRoot) && !isWaiting(path))
    .map((path) => `committed before it was durable: ${path}`);
}

interface AtMove {
  readonly commits: number;
  readonly walIsDirty: boolean;
  readonly lastCommitAt: number | undefined;
}

function badMove(
  call: Call,
  root: string,
  { commits, walIsDirty, lastCommitAt }: AtMove,
): string[] {
  const [from = "", to = ""] = call.paths;
  if (!call.name.startsWith("rename")) return [];
  if (isWithin(to, `${root}/data`) && isWithin(from, `${root}/staging`)) {
    const late = lastCommitAt !== undefined && call.beganAt > lastCommitAt;
    return late ? [`recorded in the catalog before it was moved to ${to}`] : [];
  }
  if (!isWithin(to, `${root}/trash`)) return [];
  if (commits === 0 || walIsDirty)
    return [`moved to the trash without a durable tombstone: ${from}`];
  return [];
}
