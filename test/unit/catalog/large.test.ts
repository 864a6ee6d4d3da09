// Tests that results are correct with 100,000 records. bench/catalog.ts measures the speed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openCatalog, type Catalog } from "../../../src/catalog/open.js";
import { configColumns } from "../../../src/catalog/rows.js";
import { sql } from "../../../src/catalog/sql.js";
import { Database } from "../../../src/catalog/sqlite.js";
import { configOf, idsOf, startMs, testClock, throwsReason, withScratch } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

const count = 100_000;

/** Returns an id. Ids are spread, so that the orders of ids, names and times differ. */
function idAt(n: number): string {
  return ((n * 48_271) % 2_147_483_647).toString(36).padStart(8, "0").padEnd(16, "x");
}

function nameAt(n: number): string {
  return `vm-${n % 100}/${n}`;
}

function labelAt(n: number): string {
  return String(n % 1000);
}

function timeAt(n: number): number {
  return startMs + Math.floor(n / 3);
}

/**
 * Writes the rows directly to the file in one transaction, because 100,000 durable commits would
 * take a minute.
 */
function fill(path: string): void {
  const database = new Database(path);
  const insert = database.prepare(sql.insertSnapshot);
  const label = database.prepare(sql.insertLabel);
  const insertAll = database.transaction(() => {
    for (let n = 0; n < count; n++) {
      const id = idAt(n);
      const labels = { group: labelAt(n), half: String(n % 2) };
      insert.run({
        ...configColumns(configOf({ id, name: nameAt(n), image: `image-${n % 7}`, labels })),
        state: "ready",
        kind: "create",
        created_at: timeAt(n),
        last_accessed_at: timeAt(n),
        used_ms: timeAt(n),
        size_bytes: 1000,
        allocated_bytes: n,
        digest: "sha256:00",
        parent_digest: "",
        protected: n % 2,
        corrupt: 0,
        revision: 1,
        manifest_dirty: 0,
        expires_at: null,
      });
      label.run({ id, key: "group", value: labelAt(n), created_at: timeAt(n) });
      label.run({ id, key: "half", value: String(n % 2), created_at: timeAt(n) });
    }
  });
  insertAll();
  database.close();
}

function checkPages(catalog: Catalog): void {
  const expected = Array.from({ length: count }, (_, n) => ({ id: idAt(n), at: timeAt(n) }))
    .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
  let pageToken = "";
  for (let page = 0; page < 4; page++) {
    const result = catalog.list({ pageSize: 50, pageToken });
    assert.equal(result.totalSize, count);
    assert.deepEqual(idsOf(result.snapshots), expected.slice(page * 50, page * 50 + 50));
    pageToken = result.nextPageToken;
  }
  const middle = count / 2;
  const rest = catalog.list({
    pageSize: 50,
    filter: { createdBefore: new Date(timeAt(middle)) },
  });
  const first = expected.findIndex((id) => id === rest.snapshots[0]?.config.id);
  assert.deepEqual(idsOf(rest.snapshots), expected.slice(first, first + 50));
  assert.equal(rest.totalSize, count - first);
}

test("each ref, page and filter finds the right snapshots among 100,000", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    openCatalog(path, { clock: testClock(), maxEvents: storeDefaults.maxEvents }).close();
    fill(path);
    const catalog = openCatalog(path, { clock: testClock(), maxEvents: storeDefaults.maxEvents });
    try {
      assert.deepEqual(catalog.checkIntegrity(), []);
      assert.deepEqual(catalog.totals(), {
        count,
        sizeBytes: count * 1000,
        allocatedBytes: (count * (count - 1)) / 2,
        chargedBytes: 0,
      });
      for (const n of [0, 1, 777, 50_000, count - 1]) {
        assert.equal(catalog.resolveRef(nameAt(n)).config.id, idAt(n));
        assert.equal(catalog.resolveRef(idAt(n)).config.name, nameAt(n));
        assert.equal(catalog.resolveRef(idAt(n).slice(0, 8)).config.name, nameAt(n));
      }
      throwsReason(() => catalog.resolveRef("vm-0"), "SNAPSHOT_NOT_FOUND");
      throwsReason(() => catalog.resolveRef("000"), "AMBIGUOUS_REF");
      checkPages(catalog);
      const filtered: [Parameters<Catalog["list"]>[0]["filter"], number][] = [
        [{ namePrefix: "vm-42/" }, count / 100],
        [{ namePrefix: "vm-" }, count],
        [{ labels: { group: "7" } }, count / 1000],
        [{ image: "image-3" }, 14_286],
        [{ protected: true }, count / 2],
        [{ labels: { group: "8" }, protected: true }, 0],
        [{ labels: { half: "1", group: "7" } }, count / 1000],
        [{ labels: { half: "0", group: "7" } }, 0],
      ];
      for (const [filter, matches] of filtered) {
        const page = catalog.list({ pageSize: 50, filter: filter ?? {} });
        assert.equal(page.totalSize, matches, JSON.stringify(filter));
        assert.equal(page.snapshots.length, Math.min(50, matches));
      }
      assert.equal(catalog.allIds().length, count);
    } finally {
      catalog.close();
    }
  });
});
