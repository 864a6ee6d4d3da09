// Reads the snapshot records from a copy of the SQLite index of a newer cocoon.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import { guarded } from "../catalog/sqlite-errors.js";
import { Database } from "../catalog/sqlite.js";

/** The application id of the file: "COCN" in ASCII. */
const applicationId = 0x434f434e;
/**
 * The newest generation that this can read. Generation 2 adds tables of VMs, and its tables of
 * snapshots are those of generation 1.
 */
const knownVersion = 2;

export interface CocoonTable {
  /** The JSON text of each record. */
  readonly records: readonly string[];
  /** The JSON text of each deletion in progress, by the id of its snapshot. */
  readonly tombstones: ReadonlyMap<string, string>;
}

/**
 * Reads the records. Throws STORED_DATA_CORRUPT if `file` is not such an index, NOT_IMPLEMENTED if
 * it is newer.
 */
export function readCocoonTable(file: string): CocoonTable {
  // This reads a copy, because SQLite writes files beside a database with a log even when it only
  // reads.
  const scratch = mkdtempSync(join(tmpdir(), "stasis-adopt-"));
  const copy = join(scratch, "meta.db");
  try {
    for (const suffix of ["", "-wal"]) {
      if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
    }
    return guarded(`cannot read ${file}`, () => readCopy(copy, file));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function readCopy(copy: string, file: string): CocoonTable {
  const database = new Database(copy, { fileMustExist: true });
  try {
    const pragma = (name: string) => database.pragma(name, { simple: true }) as number;
    if (pragma("application_id") !== applicationId) {
      throw new StoreError("STORED_DATA_CORRUPT", `${file} is not an index of cocoon`);
    }
    const version = pragma("user_version");
    if (version > knownVersion) {
      throw new StoreError(
        "NOT_IMPLEMENTED",
        `${file} has schema version ${version}, this stasis knows ${knownVersion}`,
        { hint: "Use a newer stasis, or export the snapshots with cocoon and import them" },
      );
    }
    const rowsOf = (table: string) =>
      database
        .prepare(`SELECT id, CAST(data AS TEXT) AS data FROM "${table}" ORDER BY rowid`)
        .all() as { readonly id: string; readonly data: string }[];
    const tombstones = "snapshots__tombstones";
    const some = database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(tombstones);
    return {
      records: rowsOf("snapshots__records").map(({ data }) => data),
      tombstones: new Map(
        some === undefined ? [] : rowsOf(tombstones).map(({ id, data }) => [id, data]),
      ),
    };
  } finally {
    database.close();
  }
}
