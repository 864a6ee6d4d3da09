// Tests the stamps of the catalog when the wall clock is set: creation times, accesses, the ends of
// requests, and the mark of a suspect clock.
import assert from "node:assert/strict";
import { Database } from "../../../src/catalog/sqlite.js";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { openCatalog, type Catalog } from "../../../src/catalog/open.js";
import { openOfflineCatalog } from "../../../src/catalog/read-only.js";
import { isSuspect } from "../../../src/model/elapsed.js";
import { configOf, idOf, startMs, store, testClock, withCatalog, withScratch } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

const here = dirname(fileURLToPath(import.meta.url));
const fixtures = join(here, "..", "..", "..", "..", "test", "fixtures");
const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

/** Stores `id` like the domain, with the time that the catalog returns. */
function storeNow(catalog: Catalog, id: string): Date {
  const createdAt = catalog.nextCreation();
  store(catalog, id, {}, { createdAtMs: createdAt.getTime() });
  return createdAt;
}

function usedMs(catalog: Catalog, id: string): number {
  const row = catalog.gcSnapshot("", id);
  assert.ok(row !== undefined);
  return row.lastUsedMs;
}

test("creation times only grow, so newest first is the order of insertion, over steps and restarts", async () => {
  await withCatalog(({ catalog, clock, reopen }) => {
    let open = catalog;
    const ids: string[] = [];
    const times: number[] = [];
    const steps = [0, 0, yearMs, -yearMs, -hourMs, -yearMs, hourMs];
    for (const [index, stepMs] of steps.entries()) {
      clock.stepMs += stepMs;
      if (index % 2 === 1) open = reopen();
      ids.unshift(idOf(index));
      times.push(storeNow(open, idOf(index)).getTime());
    }
    assert.deepEqual(
      open.list({ pageSize: 50 }).snapshots.map(({ config }) => config.id),
      ids,
    );
    assert.deepEqual(
      times,
      [...new Set(times)].sort((a, b) => a - b),
    );
    // Deleted snapshots do not move the times of later ones into the future.
    open.markDeleting(ids);
    for (const id of ids) open.removeRow(id);
    assert.equal(storeNow(reopen(), idOf("b")).getTime(), clock.now().getTime());
  });
});

test("accesses keep their order whatever the wall clock says, and the last access never decreases", async () => {
  await withCatalog(({ catalog, clock, reopen }) => {
    let open = catalog;
    for (const id of ["a", "b", "c"]) storeNow(open, idOf(id));
    const order = (): string[] =>
      ["a", "b", "c"].sort((x, y) => usedMs(open, idOf(x)) - usedMs(open, idOf(y)));
    assert.deepEqual(order(), ["a", "b", "c"]);
    clock.stepMs = -yearMs;
    open.recordAccess(idOf("a"), clock.now());
    assert.deepEqual(order(), ["b", "c", "a"]);
    assert.equal(open.get(idOf("a"))?.lastAccessedAt.getTime(), startMs);
    open = reopen();
    assert.deepEqual(order(), ["b", "c", "a"]);
    clock.stepMs = yearMs;
    open.recordAccess(idOf("b"), clock.now());
    clock.stepMs = 0;
    open.recordAccess(idOf("c"), clock.now());
    assert.deepEqual(order(), ["a", "b", "c"]);
    clock.bootId = "another";
    clock.stepMs = -yearMs;
    open = reopen();
    open.recordAccess(idOf("a"), clock.now());
    assert.deepEqual(order(), ["b", "c", "a"]);
  });
});

test("request ids are remembered for an elapsed time, over steps, restarts and reboots", async () => {
  await withCatalog(({ catalog, clock, reopen }) => {
    const requestId = "00000000-0000-4000-8000-000000000001";
    const createdAt = catalog.nextCreation();
    const upload = { id: idOf("a"), config: configOf(), createdAt, kind: "create", requestId };
    const end = {
      files: [],
      digest: "",
      chargedBytes: 0,
      replace: false,
      keepReplaced: () => false,
    };
    catalog.insertPending(upload);
    catalog.markReady(idOf("a"), { config: configOf(), createdAt, ...end });
    let open = catalog;
    const remembered = (): boolean => {
      open.pruneRequests(24 * hourMs);
      return open.findRequest(requestId) !== undefined;
    };
    for (const stepMs of [yearMs, -2 * yearMs, yearMs]) {
      clock.stepMs += stepMs;
      assert.ok(remembered());
      open = reopen();
      assert.ok(remembered());
    }
    clock.bootId = "another";
    clock.stepMs = yearMs;
    open = reopen();
    assert.ok(remembered());
    clock.nowMs += 23 * hourMs;
    assert.ok(remembered());
    clock.nowMs += 2 * hourMs;
    assert.ok(!remembered());
  });
});

test("a suspect clock survives a restart, and so does an operator's trust", async () => {
  await withCatalog(({ catalog, clock, reopen }) => {
    clock.nowMs += hourMs;
    assert.equal(catalog.clockDoubt(), undefined);
    catalog.noteClock();
    clock.stepMs = yearMs;
    assert.ok(isSuspect(catalog.clockDoubt()));
    const again = reopen();
    assert.ok(isSuspect(again.clockDoubt()));
    again.trustClock();
    assert.equal(reopen().clockDoubt(), undefined);
    assert.ok(usedNow(again) < startMs + 2 * hourMs);
  });

  function usedNow(catalog: Catalog): number {
    return catalog.elapsedMs();
  }
});

test("in the catalog of an older version, uses begin as last accesses, and none is in the future", async () => {
  await withScratch(async (directory) => {
    const path = join(directory, "catalog.db");
    const database = new Database(path);
    database.exec(readFileSync(join(fixtures, "catalog-v1.sql"), "utf8"));
    database
      .prepare("UPDATE snapshots SET last_accessed_at = :at WHERE id = 'bbbb000000000000'")
      .run({ at: Date.now() + yearMs });
    database.close();
    // A reader changes nothing and does not need a newer schema.
    {
      await using reader = openOfflineCatalog(path);
      assert.equal(reader?.auditRow("aaaa000000000000")?.snapshot?.config.name, "web/1");
      assert.deepEqual(reader.auditFile(), { file: [], totals: [] });
    }
    const clock = testClock();
    clock.nowMs = Date.now();
    const catalog = openCatalog(path, { clock, maxEvents: storeDefaults.maxEvents });
    try {
      assert.equal(usedMs(catalog, "aaaa000000000000"), 1_700_000_001_000);
      assert.ok(Math.abs(catalog.elapsedMs() - clock.nowMs) < hourMs);
      const stamp = catalog.nextStamp();
      assert.ok(stamp >= catalog.elapsedMs() && stamp < clock.nowMs + hourMs);
    } finally {
      catalog.close();
    }
  });
});
