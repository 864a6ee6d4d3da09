// Distinguishes a damaged catalog from a disk that cannot read it. SQLite also reports
// SQLITE_CORRUPT for a page whose read failed (SQLITE_IOERR_CORRUPTFS in its source), so its report
// alone is not enough. A wrong verdict is costly, because the next start sets a damaged catalog
// aside, with all its tombstones.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { StoreError } from "../base/errors.js";
import type { Database } from "./sqlite.js";
import { quickCheck } from "./quick-check.js";
import { isCorrupt, toStoreError, unreadable } from "./sqlite-errors.js";

export interface DamageJudge {
  /** Returns the error that describes the cause of a failed read or write. */
  judge(error: unknown, what: string): unknown;
  /**
   * Returns the problems that SQLite finds in its file. Throws IO_FAILED if the disk prevents the
   * check.
   */
  check(): string[];
  /** Returns the error STORED_DATA_CORRUPT if damage has been found. */
  damage(): StoreError | undefined;
}

/**
 * For this long, the error of a failed check is reported again without another check. On a failing
 * disk, each check takes seconds.
 */
const verdictMs = 30_000;

/**
 * Returns a judge for an open database. `file` must stay open as long as the database: closing it
 * would drop SQLite's locks.
 */
export function createDamageJudge(database: Database, path: string, file: number): DamageJudge {
  let damage: StoreError | undefined;
  let lastFailure: { readonly error: StoreError; readonly at: number } | undefined;

  const check = (): string[] => {
    const problems = quickCheck(database);
    if (problems.length > 0) requireReadable(path, file);
    return problems;
  };
  const lookAgain = (error: unknown, what: string): StoreError => {
    try {
      requireReadable(path, file);
      if (check().length > 0) return (damage = toStoreError(error, what));
      return unreadable("a page that SQLite called damaged can be read now");
    } catch (failure) {
      const failed = toStoreError(failure, what);
      lastFailure = { error: failed, at: performance.now() };
      return failed;
    }
  };
  return {
    check,
    damage: () => damage,
    judge(error, what) {
      if (!isCorrupt(error) || damage !== undefined) return error;
      if (lastFailure !== undefined && performance.now() - lastFailure.at < verdictMs) {
        return lastFailure.error;
      }
      return lookAgain(error, what);
    },
  };
}

/**
 * Opens the catalog or its log, to check whether the disk can read it. The caller closes the
 * descriptor; see `createDamageJudge` for the catalog of an open database.
 */
export function openForJudging(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

const pieceBytes = 1024 * 1024;

/** Throws IO_FAILED unless the whole catalog and its log can be read. */
function requireReadable(path: string, file: number): void {
  readThrough(path, file);
  const log = `${path}-wal`;
  let descriptor: number;
  try {
    descriptor = openForJudging(log);
  } catch {
    return;
  }
  try {
    readThrough(log, descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Throws IO_FAILED unless the whole catalog and its log can be read, for a catalog that no
 * connection of this process has open.
 */
export function requireReadableFiles(path: string): void {
  let file: number;
  try {
    file = openForJudging(path);
  } catch {
    return;
  }
  try {
    requireReadable(path, file);
  } finally {
    closeSync(file);
  }
}

function readThrough(path: string, descriptor: number): void {
  const piece = Buffer.allocUnsafe(pieceBytes);
  try {
    const { size } = fstatSync(descriptor);
    for (let at = 0; at < size;) {
      const read = readSync(descriptor, piece, 0, pieceBytes, at);
      if (read === 0) return;
      at += read;
    }
  } catch (cause) {
    const found = cause instanceof Error ? (cause.message.split(", ")[0] ?? "") : String(cause);
    throw new StoreError("IO_FAILED", `the disk cannot read the catalog: ${found}: ${path}`, {
      hint: "Check the kernel's log, repair the disk, then start the daemon again: the catalog may be sound",
      cause,
    });
  }
}
