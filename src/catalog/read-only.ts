// The catalog of a store that no daemon serves, for those who only look: nothing in it is changed,
// not even its schema.
import { existsSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { StoreError } from "../base/errors.js";
import { systemClock } from "../base/clock.js";
import { createAccessLog } from "./accesses.js";
import { createAudit, type Audit } from "./audit.js";
import { quickCheck, type Connection, type Params } from "./connection.js";
import type { CatalogContext } from "./context.js";
import { requireKnownSchema } from "./migrations.js";
import { createRecords, type Records } from "./records.js";
import type { Sql } from "./sql.js";
import { guarded } from "./sqlite-errors.js";
import { Database } from "./sqlite.js";
import type { StampingClock } from "./store-clock.js";

export interface CatalogReader
  extends Pick<Records, "allIds">, Pick<Audit, "auditFile" | "auditRow">, AsyncDisposable {}

/**
 * Opens the catalog in the file `path`, whose root the caller has locked. Undefined when there is none.
 * Throws STORED_DATA_CORRUPT when the file is no catalog, FORMAT_UNSUPPORTED when it is a newer one.
 */
export function openCatalogReader(path: string): CatalogReader | undefined {
  const absolute = resolve(path);
  if (!existsSync(absolute)) return undefined;
  // What SQLite makes to read a log, and would leave behind.
  const made = [`${absolute}-shm`, `${absolute}-wal`].filter((file) => !existsSync(file));
  const tidy = (): void => {
    for (const file of made) rmSync(file, { force: true });
  };
  return guarded(`cannot read the catalog ${absolute}`, () => {
    const database = new Database(absolute, { readonly: true, fileMustExist: true });
    const close = (): Promise<void> => {
      database.close();
      tidy();
      return Promise.resolve();
    };
    try {
      showAsNewest(database, requireSchema(database, absolute));
      return { ...partsOver(connectionTo(database)), [Symbol.asyncDispose]: close };
    } catch (error) {
      void close();
      throw error;
    }
  });
}

function requireSchema(database: Database, path: string): number {
  const version = requireKnownSchema(database);
  if (version > 0) return version;
  throw new StoreError("STORED_DATA_CORRUPT", `the catalog ${path} is empty`);
}

/**
 * What older schemas lack, as temporary views that hide the tables of the same names: the catalog
 * itself stays as it is.
 */
function showAsNewest(database: Database, version: number): void {
  database.pragma("temp_store = 2");
  if (version >= 6) return;
  database.exec(
    "CREATE TEMP VIEW snapshots AS SELECT *, last_accessed_at AS used_ms FROM main.snapshots",
  );
}

function partsOver(connection: Connection): Omit<CatalogReader, typeof Symbol.asyncDispose> {
  const context: CatalogContext = {
    connection,
    clock: systemClock,
    storeClock: noStamps,
    accesses: createAccessLog(connection, noStamps),
    events: { record: refuse },
  };
  const { allIds } = createRecords(context);
  const { auditFile, auditRow } = createAudit(context);
  return { allIds, auditFile, auditRow };
}

/** Who only looks stamps nothing. */
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
    close: refuse,
    abandon: refuse,
  };
}
