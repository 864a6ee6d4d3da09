// Reads the catalog of a store that no daemon serves. Nothing in the catalog is changed, not even
// its schema.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { StoreError } from "../base/errors.js";
import { systemClock } from "../base/clock.js";
import { createAccesses } from "./accesses.js";
import { createAudit, type Audit } from "./audit.js";
import { createCharges } from "./charges.js";
import type { Connection, Params } from "./connection.js";
import type { CatalogContext } from "./context.js";
import { requireKnownSchema } from "./migrations.js";
import { quickCheck } from "./quick-check.js";
import { createRecords, type Records } from "./records.js";
import type { Sql } from "./sql.js";
import { cannotMakeSidecars, guarded } from "./sqlite-errors.js";
import { Database } from "./sqlite.js";
import { createTakes, type Takes } from "./takes.js";
import type { StampingClock } from "./store-clock.js";

export interface OfflineCatalog
  extends
    Pick<Records, "allIds">,
    Pick<Audit, "auditFile" | "auditRow">,
    Pick<Takes, "unfinishedTakes">,
    AsyncDisposable {}

/**
 * Opens the catalog in the file `path`. The caller must have locked the root. Returns undefined if
 * the file does not exist. Throws STORED_DATA_CORRUPT if the file is not a catalog, and
 * FORMAT_UNSUPPORTED if the catalog is newer.
 */
export function openOfflineCatalog(path: string): OfflineCatalog | undefined {
  const absolute = resolve(path);
  if (!existsSync(absolute)) return undefined;
  return guarded(`cannot read the catalog ${absolute}`, () => {
    try {
      return openReader(absolute, absolute, sidecarRemoval(absolute));
    } catch (error) {
      if (!cannotMakeSidecars(error)) throw error;
      const copy = copyCatalog(absolute);
      return openReader(copy.path, absolute, copy.remove);
    }
  });
}

/** Opens `path`, but errors name it `shown`. */
function openReader(path: string, shown: string, tidy: () => void): OfflineCatalog {
  let database: Database | undefined;
  const close = (): void => {
    database?.close();
    tidy();
  };
  try {
    database = new Database(path, { readonly: true, fileMustExist: true });
    showAsNewest(database, requireSchema(database, shown));
    return {
      ...partsOver(connectionTo(database)),
      [Symbol.asyncDispose]: () => Promise.resolve(close()),
    };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Returns a function that deletes the files that SQLite creates to read a log and then leaves
 * behind.
 */
function sidecarRemoval(path: string): () => void {
  const made = [`${path}-shm`, `${path}-wal`].filter((file) => !existsSync(file));
  return () => {
    for (const file of made) if (existsSync(file)) rmSync(file);
  };
}

/**
 * Copies the catalog. To read a database in WAL mode, SQLite must create the log and its index.
 * That is impossible on a read-only or full filesystem, or in a directory without write permission.
 * In these cases we read a copy.
 */
function copyCatalog(path: string): { readonly path: string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "stasis-catalog-"));
  const remove = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  const copy = join(directory, basename(path));
  try {
    copyFileSync(path, copy);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    return { path: copy, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function requireSchema(database: Database, path: string): number {
  const version = requireKnownSchema(database);
  if (version > 0) return version;
  throw new StoreError("STORED_DATA_CORRUPT", `the catalog ${path} is empty`);
}

/**
 * Adds, as temporary views, the tables and columns that the reads need and an older schema lacks.
 * The views hide the tables of the same names. The catalog itself is unchanged.
 */
function showAsNewest(database: Database, version: number): void {
  database.pragma("temp_store = 2");
  const columns = [
    { since: 6, column: "last_accessed_at AS used_ms" },
    { since: 7, column: "0 AS charged_bytes" },
    { since: 11, column: "NULL AS expires_at" },
    { since: 12, column: "'' AS parent_digest" },
  ].filter(({ since }) => version < since);
  if (columns.length > 0) {
    const added = columns.map(({ column }) => column).join(", ");
    database.exec(`CREATE TEMP VIEW snapshots AS SELECT *, ${added} FROM main.snapshots`);
  }
  if (version < 7) {
    database.exec(`CREATE TEMP VIEW totals AS SELECT *, 0 AS charged_bytes FROM main.totals;
      CREATE TEMP VIEW blobs AS SELECT DISTINCT blob_id AS blob, blob_id FROM main.pins;
      CREATE TEMP VIEW pins AS SELECT snapshot_id, blob_id AS blob FROM main.pins`);
  }
  if (version < 10) {
    database.exec(`CREATE TEMP VIEW takes AS
      SELECT '' AS snapshot_id, '' AS directory, '' AS answer, 1 AS finished WHERE 0`);
  }
}

function partsOver(connection: Connection): Omit<OfflineCatalog, typeof Symbol.asyncDispose> {
  const context: CatalogContext = {
    connection,
    clock: systemClock,
    storeClock: noStamps,
    accesses: createAccesses(connection, noStamps),
    charges: createCharges(connection),
    events: { record: refuse },
  };
  const { allIds } = createRecords(context);
  const { auditFile, auditRow } = createAudit(context);
  const { unfinishedTakes } = createTakes(context);
  return { allIds, auditFile, auditRow, unfinishedTakes };
}

/** A clock for readers, which make no stamps. */
const noStamps: StampingClock = {
  elapsedMs: refuse,
  stampOfAge: refuse,
  clockDoubt: refuse,
  trustClock: refuse,
  nextCreation: refuse,
  nextStamp: refuse,
  noteClock: refuse,
  save: refuse,
};

function refuse(): never {
  throw new StoreError("INTERNAL", "the catalog was opened for reading");
}

function connectionTo(database: Database): Connection {
  const read = <T>(work: () => T): T => guarded("cannot read the catalog", work);
  const prepare = (statement: Sql) => database.prepare<[Params]>(statement);
  return {
    run: refuse,
    one: <Row>(statement: Sql, params: Params = {}) =>
      read(() => prepare(statement).get(params) as Row | undefined),
    all: <Row>(statement: Sql, params: Params = {}) =>
      read(() => prepare(statement).all(params) as Row[]),
    write: refuse,
    quickCheck: () => quickCheck(database),
    trouble: refuse,
    close: refuse,
    abandon: refuse,
  };
}
