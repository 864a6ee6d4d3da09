// Loads the better-sqlite3 that this Node can run. Version 12 makes Node 24 abort at random when
// the garbage collector frees a statement. Version 13 is built against Node-API 10, which Node has
// since 22.14 and 23.6, and crashes older Nodes. Both are dependencies, but only one of them is
// loaded.
import type Sqlite from "better-sqlite3";
import { StoreError } from "../base/errors.js";

export type Database = Sqlite.Database;
export type Statement<Params extends unknown[]> = Sqlite.Statement<Params>;
export type SqliteError = InstanceType<Sqlite.SqliteError>;

/** The version of Node-API that version 13 needs. scripts/setup.mjs contains the same number. */
const nodeApiOfVersion13 = 10;

async function load(): Promise<typeof Sqlite> {
  if (Number(process.versions["napi"]) < nodeApiOfVersion13) {
    return (await import("better-sqlite3")).default;
  }
  try {
    return (await import("better-sqlite3-13")).default;
  } catch (cause) {
    // An older Node skips the package during installation.
    throw new StoreError("INTERNAL", `better-sqlite3 13 is not installed for ${process.version}`, {
      hint: "Run `npm ci && npm run setup` in the folder of stasis, with this Node",
      cause,
    });
  }
}

export const Database: typeof Sqlite = await load();
