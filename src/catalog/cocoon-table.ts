// The snapshot records in the SQLite index of a newer cocoon, read from a copy of it.
import Database from "better-sqlite3";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import { guarded } from "./sqlite-errors.js";

/** "COCN". */
const applicationId = 0x434f434e;
/** Generation 2 adds tables of VMs; those of snapshots are as in generation 1. */
const knownVersion = 2;

/** JSON text of each record. Throws STORED_DATA_CORRUPT if `file` is no such index, NOT_IMPLEMENTED if it is newer. */
export function readCocoonTable(file: string): readonly string[] {
  // A copy: even to read a database with a log, SQLite writes beside it.
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

function readCopy(copy: string, file: string): readonly string[] {
  const database = new Database(copy, { fileMustExist: true });
  try {
    const pragma = (name: string) => database.pragma(name, { simple: true }) as number;
    if (pragma("application_id") !== applicationId) {
      throw new StoreError("STORED_DATA_CORRUPT", `${file} is no index of cocoon`);
    }
    const version = pragma("user_version");
    if (version > knownVersion) {
      throw new StoreError(
        "NOT_IMPLEMENTED",
        `${file} has schema version ${version}, this stasis knows ${knownVersion}`,
        { hint: "Use a newer stasis, or export the snapshots with cocoon and import them" },
      );
    }
    const rows = database
      .prepare(`SELECT CAST(data AS TEXT) AS data FROM "snapshots__records" ORDER BY rowid`)
      .all() as { readonly data: string }[];
    return rows.map(({ data }) => data);
  } finally {
    database.close();
  }
}
