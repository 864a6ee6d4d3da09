// Tests that result codes of a real SQLite become the right reasons.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { StoreError } from "../../../src/base/errors.js";
import { guarded, isFailedWrite, toStoreError } from "../../../src/catalog/sqlite-errors.js";
import { Database, type SqliteError } from "../../../src/catalog/sqlite.js";
import { throwsReason, withScratch } from "./support.js";

test("a full database is STORAGE_FULL", async () => {
  await withScratch((directory) => {
    const database = new Database(join(directory, "a.db"));
    database.exec("CREATE TABLE t (a)");
    database.pragma("max_page_count = 3");
    const fill = () =>
      guarded("cannot fill", () => {
        for (let row = 0; row < 100; row++) {
          database.prepare("INSERT INTO t VALUES (zeroblob(1000))").run();
        }
      });
    const error = throwsReason(fill, "STORAGE_FULL");
    assert.equal(error.metadata["sqlite_code"], "SQLITE_FULL");
    assert.match(error.message, /^cannot fill: no space is left/);
    assert(error.hint);
    assert.equal(isFailedWrite(error.cause), false);
    database.close();
  });
});

test("a file that is not a database is STORED_DATA_CORRUPT", async () => {
  await withScratch((directory) => {
    const path = join(directory, "a.db");
    writeFileSync(path, "noise ".repeat(2000));
    const database = new Database(path);
    throwsReason(
      () => guarded("open", () => database.pragma("user_version")),
      "STORED_DATA_CORRUPT",
    );
    database.close();
  });
});

test("a database that another connection has locked is ROOT_LOCKED", async () => {
  await withScratch((directory) => {
    const path = join(directory, "a.db");
    const first = new Database(path, { timeout: 0 });
    first.exec("BEGIN EXCLUSIVE");
    const second = new Database(path, { timeout: 0 });
    const error = throwsReason(
      () => guarded("open", () => second.pragma("user_version")),
      "ROOT_LOCKED",
    );
    assert.match((error.cause as SqliteError).code, /^SQLITE_BUSY/);
    second.close();
    first.close();
  });
});

test("a database that cannot be opened is IO_FAILED, and one that cannot be written is STORE_READ_ONLY", async () => {
  await withScratch((directory) => {
    const asDirectory = join(directory, "d.db");
    mkdirSync(asDirectory);
    const error = throwsReason(() => guarded("open", () => new Database(asDirectory)), "IO_FAILED");
    assert.match(String(error.metadata["sqlite_code"]), /^SQLITE_CANTOPEN/);

    const path = join(directory, "a.db");
    new Database(path).exec("CREATE TABLE t (a)").close();
    const readOnly = new Database(path, { readonly: true });
    throwsReason(
      () => guarded("write", () => readOnly.exec("INSERT INTO t VALUES (1)")),
      "STORE_READ_ONLY",
    );
    readOnly.close();
  });
});

test("the error for a native module that does not load says how to build it", async () => {
  await withScratch((directory) => {
    const nativeBinding = join(directory, "better_sqlite3.node");
    writeFileSync(nativeBinding, "built for something else");
    const load = () =>
      guarded("cannot open", () => new Database(join(directory, "a.db"), { nativeBinding }));
    const error = throwsReason(load, "INTERNAL");
    assert.match(error.message, /^cannot open: the native part of better-sqlite3 is missing/);
    assert.match(error.hint ?? "", /npm run setup/);
  });
});

test("any unknown error is INTERNAL with its cause, and a StoreError is unchanged", () => {
  const mine = new StoreError("DRAINING", "closing");
  assert.equal(toStoreError(mine, "step"), mine);
  const cause = new RangeError("odd");
  const error = toStoreError(cause, "step");
  assert.equal(error.reason, "INTERNAL");
  assert.equal(error.cause, cause);
  assert.equal(error.message, "step: odd");

  const database = new Database(":memory:");
  database.exec("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)");
  const twice = () => guarded("insert", () => database.exec("INSERT INTO t VALUES (1)"));
  assert.match(throwsReason(twice, "INTERNAL").message, /SQLITE_CONSTRAINT_UNIQUE/);
  database.close();
});
