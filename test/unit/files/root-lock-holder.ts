// Runs as a process of root-lock.test.ts. It tries to lock each root that it reads from standard
// input, and reports the outcome. It keeps its locks until it is killed or its input ends. With the
// argument `sqlite` it locks like builds that used SQLite for locking.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isStoreError } from "../../../src/base/errors.js";
import { Database } from "../../../src/catalog/sqlite.js";
import { lockRoot } from "../../../src/files/root-lock.js";

async function outcomeOf(root: string): Promise<string> {
  try {
    if (process.argv[2] === "sqlite") {
      lockWithSqlite(join(root, "lock.db"));
      return "locked";
    }
    const [lockDatabase, lockInfo] = [join(root, "lock.db"), join(root, "lock.info")];
    await lockRoot({ root, lockDatabase, lockInfo });
    return "locked";
  } catch (error) {
    return isStoreError(error) ? error.reason : String(error);
  }
}

/** The connections are stored here because the garbage collector closes unreferenced ones. */
const held: Database[] = [];

function lockWithSqlite(path: string): void {
  const database = new Database(path, { timeout: 0 });
  database.pragma("journal_mode = DELETE");
  database.exec("BEGIN EXCLUSIVE");
  held.push(database);
}

for await (const root of createInterface({ input: process.stdin })) {
  console.log(await outcomeOf(root));
}
