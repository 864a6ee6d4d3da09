// One root, one daemon: a lock that the kernel frees when its holder dies.
import Database from "better-sqlite3";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { StoreError } from "../base/errors.js";
import { isBusy, toStoreError } from "./sqlite-errors.js";

export interface RootLock extends AsyncDisposable {
  /** Lets the next daemon in. May be called again. */
  release(): void;
}

export interface RootLockFiles {
  /**
   * A database that holds nothing. It must never be opened by other means: closing any descriptor
   * of the same file in this process would drop the lock (POSIX locks, fcntl(2)).
   */
  readonly lockDatabase: string;
  /** Text that says who holds the lock. Only shown, never trusted. */
  readonly lockInfo: string;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly startedAt: string;
}

/**
 * Two processes that start in the same instant can each see the other's first, shared lock and
 * both be refused; a few more tries at uneven distances settle who wins.
 */
const maxAttempts = 5;
const maxPauseMs = 20;

/** A connection that nobody refers to is closed by the garbage collector, and its lock is lost. */
const heldDatabases = new Set<Database.Database>();

/** Locks the root for the life of this process, or throws ROOT_LOCKED naming the holder. */
export function lockRoot({ lockDatabase, lockInfo }: RootLockFiles): RootLock {
  const database = acquire(resolve(lockDatabase), lockInfo);
  heldDatabases.add(database);
  writeHolder(lockInfo);
  const release = (): void => {
    if (!heldDatabases.delete(database)) return;
    // Before the lock goes: afterwards the file may already be the next holder's.
    rmSync(lockInfo, { force: true });
    database.exec("ROLLBACK");
    database.close();
  };
  return {
    release,
    [Symbol.asyncDispose]: () => {
      release();
      return Promise.resolve();
    },
  };
}

function acquire(path: string, infoFile: string): Database.Database {
  for (let attempt = 1; ; attempt++) {
    try {
      return tryAcquire(path);
    } catch (error) {
      if (!isBusy(error)) throw toStoreError(error, `cannot lock the root with ${path}`);
      if (attempt === maxAttempts) throw lockedError(path, readHolder(infoFile), error);
    }
    pause(1 + Math.random() * maxPauseMs);
  }
}

function tryAcquire(path: string): Database.Database {
  const database = new Database(path, { timeout: 0 });
  try {
    // WAL would let others in beside an exclusive transaction.
    database.pragma("journal_mode = DELETE");
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function lockedError(path: string, holder: Holder | undefined, cause: unknown): StoreError {
  const root = dirname(path);
  const who =
    holder === undefined
      ? "another process"
      : `process ${holder.pid} on ${holder.host}, running since ${holder.startedAt}`;
  return new StoreError("ROOT_LOCKED", `the root ${root} is in use by ${who}`, {
    hint: "Stop that daemon first, or give this one another root",
    resource: { type: "directory", name: root },
    metadata:
      holder === undefined
        ? {}
        : { pid: String(holder.pid), host: holder.host, started_at: holder.startedAt },
    cause,
  });
}

/** Only for the message that a second daemon shows: the lock holds without it. */
function writeHolder(infoFile: string): void {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
  };
  try {
    writeFileSync(infoFile, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  } catch {
    // A full disk must not keep the daemon from starting. What a killed holder left would name
    // the wrong process, so it goes if it can.
    rmSync(infoFile, { force: true });
  }
}

function readHolder(infoFile: string): Holder | undefined {
  try {
    const { pid, host, startedAt } = JSON.parse(readFileSync(infoFile, "utf8")) as Partial<Holder>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof startedAt !== "string") {
      return undefined;
    }
    return { pid, host, startedAt };
  } catch {
    return undefined;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
