// Tracks the problems that keep the store from working. It checks the store every two seconds and
// after each failure, so that health changes without traffic too.
//
//   ROOT_UNAVAILABLE     nothing works
//   STORED_DATA_CORRUPT  the catalog is damaged: nothing works until a restart rebuilds it
//   STORE_READ_ONLY      only reads work
//   IO_FAILED            the disk fails writes: only reads work
//   STORAGE_FULL         reads and deletions work
import { setTimeout as pause } from "node:timers/promises";
import type { StoreError } from "../../base/errors.js";
import { firstError, isStoreError, restated, type ErrorReason } from "../../base/errors.js";
import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/logger.js";
import type { Catalog } from "../../catalog/open.js";
import { findLackOfRoom, findWriteProblem, fullError } from "../../files/disk-state.js";
import type { Layout } from "../../files/layout.js";
import type { RootGuard } from "../../files/root-guard.js";
import { refillBallast } from "./room.js";

export interface StoreProblem {
  readonly error: StoreError;
  readonly since: Date;
  /** Whether reads fail too, not only writes. */
  readonly stopsReads: boolean;
}

export interface Condition {
  problems(): readonly StoreProblem[];
  /**
   * Checks the store and returns its problems. If the check hangs, returns the last known problems.
   */
  current(): Promise<readonly StoreProblem[]>;
  /** Calls `listener` now, and after each change. */
  follow(listener: (problems: readonly StoreProblem[]) => void): void;
  /** Checks the store soon if its condition may have caused the error. */
  noticed(error: unknown): void;
  /** Checks the store. If a problem caused `error`, returns the problem as the error. */
  explain(error: unknown): Promise<unknown>;
}

interface ConditionParts {
  readonly layout: Layout;
  readonly catalog: Pick<Catalog, "trouble">;
  readonly root: Pick<RootGuard, "check">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reserveBytes: number;
  /** Returns the bytes that the store occupies on its filesystem. */
  readonly takenBytes: () => number;
}

/** The time between two checks. `RootGuard` uses the same interval. */
const lookMs = 2000;
/**
 * The longest time that `current` waits. A disk that hangs must not keep GetInfo from answering.
 */
const longestLookMs = 1000;
/** While nothing fails, only one check in this many changes an inode. */
const looksPerWrite = 15;

const telling: ReadonlySet<ErrorReason> = new Set([
  ...(["IO_FAILED", "STORE_READ_ONLY", "STORAGE_FULL", "STORED_DATA_CORRUPT"] as const),
]);

export function openCondition(parts: ConditionParts): Condition & Disposable {
  const listeners: ((problems: readonly StoreProblem[]) => void)[] = [];
  let problems: readonly StoreProblem[] = [];
  let running: Promise<void> | undefined;
  let looks = 0;
  let ended = false;

  const look = async (tryWrite: boolean): Promise<void> => {
    const found = await findProblems(parts, tryWrite || problems.length > 0);
    if (ended) return;
    const before = problems;
    problems = merge(before, found, parts.clock);
    if (sameReasons(before, problems)) return;
    tell(parts.logger, before, problems);
    for (const listener of listeners) listener(problems);
  };
  const lookSafely = (tryWrite: boolean): Promise<void> =>
    look(tryWrite).catch((error: unknown) => {
      parts.logger.debug({ err: error }, "could not look at the disk");
    });
  /** Runs one check at a time. On a disk that hangs, each check would occupy a thread. */
  const lookOnce = (tryWrite: boolean): Promise<void> =>
    (running ??= lookSafely(tryWrite).finally(() => (running = undefined)));
  const timer = setInterval(() => {
    looks += 1;
    void lookOnce(looks % looksPerWrite === 0);
  }, lookMs).unref();

  return {
    problems: () => problems,
    async current() {
      // A look that began earlier may have missed what a caller has seen since.
      const looked = (running ?? Promise.resolve()).then(() => lookOnce(false));
      await Promise.race([looked, pause(longestLookMs, undefined, { ref: false })]);
      return problems;
    },
    follow(listener) {
      listeners.push(listener);
      listener(problems);
    },
    noticed(error) {
      const first = firstError(error);
      if (isStoreError(first) && telling.has(first.reason)) void lookOnce(true);
    },
    async explain(error) {
      const first = firstError(error);
      if (!isStoreError(first) || !telling.has(first.reason)) return error;
      // A check that began before the failure may have missed its cause.
      await running;
      await lookOnce(true);
      if (first.reason !== "IO_FAILED" && first.reason !== "STORED_DATA_CORRUPT") return error;
      const cause = problems.find(({ error: { reason } }) => explaining.has(reason));
      return cause === undefined ? error : explained(first, cause.error);
    },
    [Symbol.dispose]() {
      ended = true;
      clearInterval(timer);
    },
  };
}

const explaining: ReadonlySet<ErrorReason> = new Set(["ROOT_UNAVAILABLE", "STORE_READ_ONLY"]);

async function findProblems(parts: ConditionParts, tryWrite: boolean): Promise<StoreError[]> {
  const { layout, catalog, root } = parts;
  const gone = findRootProblem(root);
  if (gone !== undefined) return [gone];
  const { damage, failure } = catalog.trouble();
  const unwritable = (await findWriteProblem(layout, { tryWrite })) ?? failure;
  // Free space does not matter while the store cannot write anything.
  const full = unwritable === undefined ? await findFull(parts) : undefined;
  return [damage, unwritable, full].filter((error) => error !== undefined);
}

function findRootProblem(root: Pick<RootGuard, "check">): StoreError | undefined {
  try {
    root.check();
    return undefined;
  } catch (error) {
    if (isStoreError(error)) return error;
    throw error;
  }
}

async function findFull(parts: ConditionParts): Promise<StoreError | undefined> {
  const { layout, reserveBytes, takenBytes } = parts;
  const whole = await refillBallast(layout);
  const lack = await findLackOfRoom(layout, reserveBytes, () => {
    try {
      return takenBytes();
    } catch (error) {
      // A damaged catalog cannot return this number. The lack of room is reported without it.
      if (isStoreError(error)) return undefined;
      throw error;
    }
  });
  return lack ?? (whole ? undefined : fullError(layout.root, "there is no room for its ballast"));
}

const stopReads: ReadonlySet<ErrorReason> = new Set(["ROOT_UNAVAILABLE", "STORED_DATA_CORRUPT"]);

function merge(
  before: readonly StoreProblem[],
  found: readonly StoreError[],
  clock: Clock,
): StoreProblem[] {
  return found.map((error) => ({
    error,
    since: before.find((known) => known.error.reason === error.reason)?.since ?? clock.now(),
    stopsReads: stopReads.has(error.reason),
  }));
}

function sameReasons(a: readonly StoreProblem[], b: readonly StoreProblem[]): boolean {
  const reasons = (problems: readonly StoreProblem[]) =>
    problems.map(({ error }) => error.reason).join();
  return reasons(a) === reasons(b);
}

function tell(logger: Logger, before: readonly StoreProblem[], now: readonly StoreProblem[]): void {
  const isNew = ({ error }: StoreProblem) =>
    !before.some((known) => known.error.reason === error.reason);
  for (const { error } of now.filter(isNew)) {
    // RootGuard logs this problem itself.
    if (error.reason === "ROOT_UNAVAILABLE") continue;
    const { reason, message, hint } = error;
    logger.error({ reason, hint }, message);
  }
  if (now.length === 0) logger.warn("the store works again");
}

/**
 * Returns the cause as the error. The failure's metadata stays, because it says whether the commit
 * may have taken effect.
 */
function explained(failed: StoreError, cause: StoreError): StoreError {
  return restated(cause, { metadata: { ...failed.metadata, ...cause.metadata }, cause: failed });
}
