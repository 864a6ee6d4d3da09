// Interprets SQLite's result codes (https://sqlite.org/rescode.html). No other file reads them.
import {
  StoreError,
  firstError,
  isStoreError,
  messageOf,
  type ErrorReason,
} from "../base/errors.js";
import { Database, type SqliteError } from "./sqlite.js";

interface SqliteMeaning {
  readonly reason: ErrorReason;
  readonly found: string;
  readonly hint: string;
}

/** The reasons by primary code. An extended code such as SQLITE_IOERR_FSYNC has the same reason. */
const meanings: Readonly<Record<string, SqliteMeaning>> = {
  SQLITE_FULL: {
    reason: "STORAGE_FULL",
    found: "no space is left on the filesystem of the store",
    hint: "Delete snapshots or add space, then try again",
  },
  SQLITE_CORRUPT: {
    reason: "STORED_DATA_CORRUPT",
    found: "the catalog is damaged",
    hint: "Restart the daemon: it rebuilds the catalog from the snapshots' manifests",
  },
  SQLITE_NOTADB: {
    reason: "STORED_DATA_CORRUPT",
    found: "the file is not a database",
    hint: "Restart the daemon: it rebuilds the catalog from the snapshots' manifests",
  },
  SQLITE_BUSY: {
    reason: "ROOT_LOCKED",
    found: "another process has the database open",
    hint: "Stop the other process, or use another root",
  },
  SQLITE_LOCKED: {
    reason: "ROOT_LOCKED",
    found: "the database is locked",
    hint: "Stop the other process, or use another root",
  },
  SQLITE_PROTOCOL: {
    reason: "ROOT_LOCKED",
    found: "the locks of the database are contended",
    hint: "Stop the other process, or use another root",
  },
  SQLITE_IOERR: {
    reason: "IO_FAILED",
    found: "the disk reported an error",
    hint: "Check the kernel's log, repair the disk, then restart the daemon",
  },
  SQLITE_READONLY: {
    reason: "STORE_READ_ONLY",
    found: "the database cannot be written",
    hint: "Check that the filesystem is mounted read-write and who owns the files of the root",
  },
  SQLITE_PERM: {
    reason: "IO_FAILED",
    found: "access to the database is denied",
    hint: "Check who owns the files of the root",
  },
  SQLITE_CANTOPEN: {
    reason: "IO_FAILED",
    found: "the database cannot be opened",
    hint: "Check that its directory exists, that it may be written, and that inodes are free",
  },
  SQLITE_TOOBIG: {
    reason: "LIMIT_EXCEEDED",
    found: "a value is larger than a database row can hold",
    hint: "Make the configuration of the snapshot smaller",
  },
};

/** Converts any error of better-sqlite3 to a StoreError. `what` names the step that failed. */
export function toStoreError(thrown: unknown, what: string): StoreError {
  const error = firstError(thrown);
  if (isStoreError(error)) return error;
  if (isSqliteError(error)) return fromCode(error, what);
  if (error instanceof TypeError && error.message.includes("directory does not exist")) {
    return new StoreError("IO_FAILED", `${what}: the directory of the database does not exist`, {
      hint: "Create the root directory first",
      cause: error,
    });
  }
  if (isUnloadable(error)) {
    return new StoreError(
      "INTERNAL",
      `${what}: the native part of better-sqlite3 is missing, or was built for another Node than ${process.version}`,
      { hint: "Run `npm run setup` in the folder of stasis, with this Node", cause: error },
    );
  }
  return new StoreError("INTERNAL", `${what}: ${messageOf(error)}`, { cause: error });
}

function fromCode(error: SqliteError, what: string): StoreError {
  const { code } = error;
  const primary = Object.keys(meanings).find((key) => code === key || code.startsWith(`${key}_`));
  const meaning = primary === undefined ? undefined : meanings[primary];
  if (meaning === undefined) {
    return new StoreError("INTERNAL", `${what}: ${code}: ${error.message}`, { cause: error });
  }
  return new StoreError(meaning.reason, `${what}: ${meaning.found} (${code})`, {
    hint: meaning.hint,
    metadata: { sqlite_code: code },
    cause: error,
  });
}

/** Runs `work`, and converts any error that it throws to a StoreError. */
export function guarded<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error, what);
  }
}

/**
 * Returns whether a write or a sync may have failed below SQLite. The kernel may have dropped the
 * pages that it could not write, and a later fsync of the same bytes would then report success. The
 * same bytes must be written again, or other bytes in their place.
 */
export function isFailedWrite(error: unknown): boolean {
  const code = sqliteCode(error);
  if (!code.startsWith("SQLITE_IOERR")) return false;
  return !failedReads.has(code);
}

const failedReads: ReadonlySet<string> = new Set([
  "SQLITE_IOERR_READ",
  "SQLITE_IOERR_SHORT_READ",
  "SQLITE_IOERR_CORRUPTFS",
]);

/** Returns whether SQLite reports that its file is damaged. */
export function isCorrupt(error: unknown): boolean {
  const code = sqliteCode(error);
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

/** Returns whether SQLite could not create the log of a database, or the index of the log. */
export function cannotMakeSidecars(error: unknown): boolean {
  return /^SQLITE_(CANTOPEN|READONLY|FULL)/.test(sqliteCode(error));
}

/**
 * The primary codes of SQLITE_NOMEM, SQLITE_IOERR and SQLITE_CANTOPEN. A primary code is the low
 * byte of an extended code.
 */
const notRead: readonly number[] = [7, 10, 14];

/**
 * Returns true if a line of `PRAGMA quick_check` says that a page could not be read, not that its
 * content is wrong.
 */
export function isUnreadPage(line: string): boolean {
  const [, code] = /error code=(\d+)/.exec(line) ?? [];
  return code !== undefined && notRead.includes(Number(code) & 0xff);
}

export function unreadable(line: string): StoreError {
  return new StoreError("IO_FAILED", `cannot check the catalog: ${line}`, {
    hint: "Check the kernel's log, repair the disk, then start the daemon again",
  });
}

function sqliteCode(error: unknown): string {
  return isSqliteError(error) ? error.code : "";
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Database.SqliteError;
}

/**
 * Returns whether the module was built for another ABI (`dlopen` failed) or never built (`bindings`
 * found no file).
 */
function isUnloadable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && error.code === "ERR_DLOPEN_FAILED") return true;
  return error.message.startsWith("Could not locate the bindings file");
}
