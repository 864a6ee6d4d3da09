// Tests that no statement of the catalog reads a whole table, and that only listings by prefix
// sort. The test asks SQLite for every query plan.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCatalog } from "../../../src/catalog/open.js";
import { listStatements, type ListShape } from "../../../src/catalog/list-sql.js";
import { sql } from "../../../src/catalog/sql.js";
import { Database } from "../../../src/catalog/sqlite.js";
import { testClock } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

let directory: string;
let database: Database;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "stasis-plans-"));
  const path = join(directory, "catalog.db");
  openCatalog(path, { clock: testClock(), maxEvents: storeDefaults.maxEvents }).close();
  database = new Database(path);
  // SQLite plans without statistics, because a catalog does not have any.
  assert.deepEqual(
    database.prepare("SELECT name FROM sqlite_master WHERE name = 'sqlite_stat1'").all(),
    [],
  );
});

after(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

function planOf(statement: string): string[] {
  const names = [...statement.matchAll(/:(\w+)/g)].map(([, name]) => [name ?? "", 0] as const);
  const rows = database
    .prepare(`EXPLAIN QUERY PLAN ${statement}`)
    .all(names.length === 0 ? {} : Object.fromEntries(names)) as { detail: string }[];
  return rows.map((row) => row.detail);
}

function assertNoScan(what: string, plan: readonly string[]): void {
  for (const step of plan) assert.doesNotMatch(step, /\bSCAN\b/, `${what}: ${plan.join(" | ")}`);
}

function shapes(): ListShape[] {
  const all: ListShape[] = [];
  for (let bits = 0; bits < 384; bits++) {
    for (const labelCount of [0, 1, 2, 3, 64]) {
      all.push({
        corrupt: [undefined, true, false][(bits >> 5) % 3],
        expiring: bits % 192 >= 96,
        host: bits >= 192,
        namePrefix: (bits & 1) !== 0,
        image: (bits & 2) !== 0,
        imageDigest: (bits & 4) !== 0,
        hypervisor: (bits & 8) !== 0,
        protected: (bits & 16) !== 0,
        labelCount,
      });
    }
  }
  return all;
}

test("the test itself notices a scan", () => {
  assert.throws(() => {
    assertNoScan("scan", planOf("SELECT id FROM snapshots WHERE description = :description"));
  }, assert.AssertionError);
});

test("no fixed statement scans or sorts", () => {
  const readers = Object.entries(sql).filter(([, text]) => !/^\s*INSERT/.test(text));
  assert(readers.length > 30);
  for (const [name, text] of readers) {
    const plan = planOf(text);
    assert(plan.length > 0, `${name} has no plan`);
    assertNoScan(name, plan);
    assert(!plan.some((step) => step.includes("TEMP B-TREE")), `${name}: ${plan.join(" | ")}`);
  }
});

test("no listing scans a table, whatever its filter is, and only listings by prefix are sorted", () => {
  for (const shape of shapes()) {
    const { page, count } = listStatements(shape);
    const plan = planOf(page);
    const what = JSON.stringify(shape);
    assertNoScan(what, plan);
    assertNoScan(what, planOf(count));
    const sorts = plan.some((step) => step.includes("TEMP B-TREE"));
    const byName = plan.some((step) => step.includes("by_state_name"));
    assert.equal(sorts, byName, `${what}: ${plan.join(" | ")}`);
  }
});

test("the unfiltered listing follows one index", () => {
  const none = {
    namePrefix: false,
    image: false,
    imageDigest: false,
    hypervisor: false,
    protected: false,
    corrupt: undefined,
    expiring: false,
    host: false,
  };
  assert.deepEqual(planOf(listStatements({ ...none, labelCount: 0 }).page), [
    "SEARCH s USING COVERING INDEX ready_by_age (created_at>? AND (created_at,id)<(?,?))",
  ]);
});

test("no trigger scans", () => {
  const triggers = database
    .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    .all() as { name: string; sql: string }[];
  assert.equal(triggers.length, 7);
  for (const { name, sql: text } of triggers) {
    const body = /BEGIN(.*)END/s.exec(text)?.[1] ?? "";
    const statements = body.split(";").filter((statement) => statement.trim() !== "");
    assert(statements.length > 0);
    for (const statement of statements) {
      assertNoScan(name, planOf(statement.replaceAll(/\b(new|old)\.(\w+)/g, ":$1_$2")));
    }
  }
});

test("every foreign key has an index for the deletion of its parent", () => {
  const tables = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .pluck()
    .all();
  let keys = 0;
  for (const table of tables as string[]) {
    const children = database.pragma(`foreign_key_list(${table})`) as { from: string }[];
    for (const { from } of children) {
      keys += 1;
      assertNoScan(`${table}.${from}`, planOf(`SELECT 1 FROM ${table} WHERE ${from} = :parent`));
    }
  }
  assert.equal(keys, 5);
});
