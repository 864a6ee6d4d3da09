// Provides the only connection to the catalog. It opens the file and runs every statement.
import { chmodSync, closeSync, constants, lstatSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { isStoreError, StoreError } from "../base/errors.js";
import {
  createDamageJudge,
  openForJudging,
  requireReadableFiles,
  type DamageJudge,
} from "./damage.js";
import { migrate, requireKnownSchema } from "./migrations.js";
import type { Sql } from "./sql.js";
import { guarded, isFailedWrite, toStoreError } from "./sqlite-errors.js";
import { Database, type Statement } from "./sqlite.js";

export type Params = Readonly<Record<string, string | number | null>>;

export interface Connection {
  /** Runs a statement and returns the number of changed rows. */
  run(statement: Sql, params?: Params): number;
  one<Row>(statement: Sql, params?: Params): Row | undefined;
  all<Row>(statement: Sql, params?: Params): Row[];
  /**
   * Runs `work` in one transaction, which is durable when this returns. If the disk fails, this
   * durably overwrites the beginning of the transaction in the log at once. If that succeeds,
   * IO_FAILED means that nothing has changed. If the overwriting fails too, IO_FAILED has the
   * metadata `commit: unknown`. In that case every further call of `write` begins by overwriting,
   * and throws IO_FAILED as long as that fails. A nested call becomes a part of the outer
   * transaction. If it throws, only its own changes are undone. Otherwise they become durable with
   * the outer transaction.
   */
  write<T>(what: string, work: () => T): T;
  /** Returns the problems that SQLite finds in its file. Empty if the file is sound. */
  quickCheck(): string[];
  /** Returns the problems that were found so far. This does not read the file. */
  trouble(): Trouble;
  close(): void;
  /**
   * Leaves the file unchanged permanently. Closing the connection would write to the file and
   * delete its log by name.
   */
  abandon(): void;
}

interface Trouble {
  /** The error STORED_DATA_CORRUPT if damage has been found. */
  readonly damage: StoreError | undefined;
  /**
   * Set while a failed commit cannot be undone. Writes are refused until the disk accepts them
   * again.
   */
  readonly failure: StoreError | undefined;
}

/** Keeps abandoned connections reachable: otherwise the garbage collector would close them. */
const abandoned = new Set<Database>();

/**
 * The oldest supported version of SQLite. Older versions can corrupt a WAL database when a
 * checkpoint and a write race.
 */
const minSqliteVersion = [3, 51, 3] as const;
/**
 * Maximum cached statements. Above this number, the statements of listings with many labels are
 * prepared again each time.
 */
const maxCachedStatements = 512;

/**
 * This pragma must run before the first read. SQLite then keeps the index of the log in the heap,
 * and does not need a -shm file, which it could not create on a full disk.
 */
const exclusive = ["locking_mode", "exclusive"] as const;

const pragmas = [
  exclusive,
  ["journal_mode", "wal"],
  // This build of SQLite defaults to NORMAL in WAL mode, which does not sync commits.
  ["synchronous", 2],
  ["foreign_keys", 1],
  ["trusted_schema", 0],
  ["cell_size_check", 1],
  ["mmap_size", 0],
  // Sorting must work when the disk is full.
  ["temp_store", 2],
] as const;

export function openConnection(path: string): Connection {
  const absolute = resolve(path);
  const what = `cannot open the catalog ${absolute}`;
  return guarded(what, () => {
    makePrivate(absolute);
    const database = new Database(absolute, { timeout: 0 });
    let file: number | undefined;
    try {
      file = openForJudging(absolute);
      database.pragma(exclusive.join(" = "));
      requireKnownSchema(database);
      for (const [name, value] of pragmas) database.pragma(`${name} = ${value}`);
      assertVersion(database);
      if (migrate(database)) checkpoint(database);
      assertPragmas(database);
      return wrap(database, file, createDamageJudge(database, absolute, file));
    } catch (error) {
      database.close();
      if (file !== undefined) closeSync(file);
      if (isStoreError(toStoreError(error, what), "STORED_DATA_CORRUPT")) {
        requireReadableFiles(absolute);
      }
      throw error;
    }
  });
}

/**
 * Makes the file private to its owner, whatever the umask is. SQLite gives its log the same mode.
 * The file must exist before SQLite opens it.
 */
function makePrivate(path: string): void {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  try {
    closeSync(openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600));
  } catch {
    // Either the file exists, or it cannot be created, which SQLite reports better.
  }
  for (const file of [path, `${path}-wal`]) {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || (stat.mode & 0o777) === 0o600) continue;
    try {
      chmodSync(file, 0o600);
    } catch {
      // The mode of the root also keeps other users out.
    }
  }
}

/**
 * Moves a new schema from the log to the file itself, so that an older program refuses the file
 * even if somebody has deleted the log. On a disk without space the schema stays in the log.
 */
function checkpoint(database: Database): void {
  try {
    database.pragma("wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (!isStoreError(toStoreError(error, ""), "STORAGE_FULL")) throw error;
  }
}

function assertVersion(database: Database): void {
  const version = database.prepare("SELECT sqlite_version()").pluck().get() as string;
  const parts = version.split(".").map(Number);
  for (const [index, wanted] of minSqliteVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part > wanted) return;
    if (part < wanted) {
      throw new StoreError(
        "INTERNAL",
        `SQLite ${version} is too old, ${minSqliteVersion.join(".")} or newer is needed`,
        { hint: "Install the version of better-sqlite3 that package.json asks for" },
      );
    }
  }
}

/**
 * Throws unless the settings are in effect. This reads them after a write, because `synchronous`
 * takes effect only then. The write is rolled back, because a daemon must also start on a full
 * disk, where a user may want to delete snapshots.
 */
function assertPragmas(database: Database): void {
  database.exec("BEGIN IMMEDIATE; UPDATE totals SET ready_count = ready_count; ROLLBACK");
  for (const [name, wanted] of pragmas) {
    const found: unknown = database.pragma(name, { simple: true });
    if (found === wanted) continue;
    throw new StoreError(
      "INTERNAL",
      `the catalog's setting ${name} is ${String(found)}, expected ${wanted}: commits would not be safe`,
      { hint: "Keep the root on a local filesystem that SQLite's write-ahead log supports" },
    );
  }
}

function wrap(database: Database, file: number, damage: DamageJudge): Connection {
  const cached = new Map<Sql, Statement<[Params]>>();
  let failure: StoreError | undefined;

  const prepare = (statement: Sql): Statement<[Params]> => {
    const known = cached.get(statement);
    if (known !== undefined) return known;
    const prepared = database.prepare<[Params]>(statement);
    if (cached.size < maxCachedStatements) cached.set(statement, prepared);
    return prepared;
  };
  const reading = "cannot read the catalog";
  const read = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw toStoreError(damage.judge(error, reading), reading);
    }
  };

  const write = <T>(what: string, work: () => T): T => {
    if (database.inTransaction) return database.transaction(work)();
    if (failure !== undefined) {
      if (!overwriteFailedCommit(database)) throw refusedError(what, failure);
      failure = undefined;
    }
    try {
      return database.transaction(work).immediate();
    } catch (thrown) {
      const error = damage.judge(thrown, what);
      if (!isFailedWrite(error) || overwriteFailedCommit(database)) {
        throw refusedByDisk(error, what);
      }
      failure = uncertainError(error, what);
      throw failure;
    }
  };

  return {
    run: (statement, params = {}) => prepare(statement).run(params).changes,
    one: <Row>(statement: Sql, params: Params = {}) =>
      read(() => prepare(statement).get(params) as Row | undefined),
    all: <Row>(statement: Sql, params: Params = {}) =>
      read(() => prepare(statement).all(params) as Row[]),
    write,
    quickCheck: damage.check,
    trouble: () => ({ damage: damage.damage(), failure }),
    close: () => {
      guarded("cannot close the catalog", () => database.close());
      closeSync(file);
    },
    abandon: () => {
      abandoned.add(database);
    },
  };
}

/**
 * Undoes a failed commit permanently. Without this, the next start would find the commit in the log
 * if the disk kept all of it. The next commit begins where the failed one began, so no part of the
 * failed commit is valid once the next sync has succeeded. We do not retry the failed sync: we
 * write other bytes in the same place, and sync those. Only page 1 is written: SQLite writes it
 * whenever `user_version` is set, even to the same value. Returns false if the disk failed again.
 */
function overwriteFailedCommit(database: Database): boolean {
  try {
    const version = database.pragma("user_version", { simple: true }) as number;
    database.pragma(`user_version = ${version}`);
    return true;
  } catch {
    return false;
  }
}

/** Returns the error for a transaction that failed and left nothing behind. */
function refusedByDisk(error: unknown, what: string): StoreError {
  const failed = toStoreError(error, what);
  if (!isFailedWrite(error)) return failed;
  return new StoreError(failed.reason, `${failed.message}: nothing has changed`, {
    hint: "Check the kernel's log and the disk, then try again",
    metadata: failed.metadata,
    cause: error,
  });
}

function uncertainError(error: unknown, what: string): StoreError {
  const { reason, message, metadata } = toStoreError(error, what);
  return new StoreError(reason, `${message}: it may or may not have taken effect`, {
    hint: repairDisk,
    // The log may contain the whole commit. In that case it takes effect if the daemon ends before
    // the next commit.
    metadata: { ...metadata, commit: "unknown" },
    cause: error,
  });
}

function refusedError(what: string, failure: StoreError): StoreError {
  return new StoreError("IO_FAILED", `${what}: an earlier write to the catalog failed`, {
    hint: repairDisk,
    cause: failure,
  });
}

const repairDisk =
  "Check the kernel's log and repair the disk; reads continue, and writes resume when the disk accepts them again";
