// Tests the events. Each change has one event in its transaction, events are in order, and their
// number is bounded.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openCatalog, type Catalog, type CatalogEvent } from "../../../src/catalog/open.js";
import {
  configOf,
  fileOf,
  idOf,
  startMs,
  store,
  testClock,
  throwsReason,
  withCatalog,
  withScratch,
} from "./support.js";

function eventsOf(catalog: Catalog, after = 0): readonly CatalogEvent[] {
  const { events, missed } = catalog.eventsAfter(after, 10_000);
  assert.equal(missed, false);
  return events;
}

/** Returns `type id name` and the other fields of each event. */
function told(events: readonly CatalogEvent[]): string[] {
  return events.map(({ type, snapshot, replacedBy, previous }) => {
    const { id, name } = snapshot.config;
    const details = [previous?.name, replacedBy].filter(
      (text) => text !== undefined && text !== "",
    );
    return [type, id.replace(/0+$/, ""), name, ...details].join(" ");
  });
}

test("every visible change has one event with the current or last state of the snapshot", async () => {
  await withCatalog(({ catalog, clock }) => {
    store(catalog, idOf("a"), { name: "web", labels: { k: "1" }, imageBlobIds: ["blob"] });
    clock.nowMs += 1000;
    catalog.update(idOf("a"), { name: "api" });
    catalog.update(idOf("a"), { labels: { k: "2" }, protected: true });
    // This call changes nothing, so it has no event. The same applies to the second `setCorrupt`
    // with true.
    catalog.update(idOf("a"), { name: "api", protected: true });
    catalog.setDigest(idOf("a"), "sha256:ff", [fileOf("memory")]);
    catalog.setCorrupt(idOf("a"), true);
    catalog.setCorrupt(idOf("a"), true);
    catalog.setCorrupt(idOf("a"), false);
    store(catalog, idOf("b"), { name: "api" }, { replace: true });
    catalog.removeRow(idOf("a"));
    store(catalog, idOf("c"), { name: "c" });
    store(catalog, idOf("d"));
    store(catalog, idOf("e"));
    catalog.markDeleting([idOf("c"), idOf("b")]);
    catalog.markDeleting([idOf("d")], { as: "evicted" });
    catalog.markLost(idOf("e"));
    catalog.markDeleting([idOf("e")]);
    const events = eventsOf(catalog);
    assert.deepEqual(told(events), [
      "created a web",
      "renamed a api web",
      "updated a api api",
      "updated a api",
      "corrupt a api api",
      "updated a api api",
      `deleted a api ${idOf("b")}`,
      "created b api",
      "created c c",
      "created d ",
      "created e ",
      "deleted c c",
      "deleted b api",
      "evicted d ",
      "lost e ",
      "deleted e ",
    ]);
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    const [created, renamed, relabelled] = events;
    assert.equal(created?.occurredAt.getTime(), startMs);
    assert.equal(renamed?.occurredAt.getTime(), startMs + 1000);
    assert.deepEqual(created.snapshot.config.imageBlobIds, ["blob"]);
    assert.deepEqual(relabelled?.previous?.labels, { k: "1" });
    assert.deepEqual([relabelled.snapshot.protected, relabelled.previous.protected], [true, false]);
  });
});

test("an event's snapshot equals the listing at that moment", async () => {
  await withCatalog(({ catalog }) => {
    const changes = {
      name: "web",
      labels: { k: "v" },
      imageBlobIds: ["blob"],
      memoryBytes: 2 ** 40,
    };
    store(catalog, idOf("a"), { ...changes, description: "\u{1F980}" });
    const [listed] = catalog.list({ pageSize: 1 }).snapshots;
    catalog.update(idOf("a"), { description: "later" });
    assert.deepEqual(eventsOf(catalog)[0]?.snapshot, listed);
  });
});

test("invisible changes have no event, such as uploads or a replaced snapshot that is still read", async () => {
  await withCatalog(({ catalog }) => {
    const config = configOf({ name: "web" });
    const createdAt = new Date(startMs);
    catalog.insertPending({ id: idOf("a"), config, createdAt, kind: "create" });
    catalog.abandonPending(idOf("a"));
    assert.deepEqual(catalog.eventPosition(), { sequence: 0, mark: "" });
    store(catalog, idOf("b"), { name: "web" });
    store(catalog, idOf("c"), { name: "web" }, { replace: true, inUse: true });
    const { sequence } = catalog.eventPosition();
    catalog.setDigest(idOf("b"), "sha256:ff", []);
    catalog.setCorrupt(idOf("b"), true);
    catalog.markDeleting([idOf("b")]);
    catalog.removeRow(idOf("b"));
    assert.deepEqual(told(eventsOf(catalog, sequence)), []);
  });
});

test("a failed change has no event and leaves no gap in the sequence", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { name: "a" });
    let calls = 0;
    const end = catalog.onEvents(() => (calls += 1));
    // The first snapshot is tombstoned with an event before the second one fails.
    throwsReason(() => catalog.markDeleting([idOf("a"), idOf("b")]), "SNAPSHOT_NOT_FOUND");
    store(catalog, idOf("c"), { name: "c" });
    assert.deepEqual(told(eventsOf(catalog)), ["created a a", "created c c"]);
    assert.deepEqual(
      eventsOf(catalog).map(({ sequence }) => sequence),
      [1, 2],
    );
    assert(calls > 0);
    const before = calls;
    end();
    store(catalog, idOf("d"));
    assert.equal(calls, before);
  });
});

test("listeners are called after a commit that added events, and only then", async () => {
  await withCatalog(({ catalog }) => {
    const seen: (readonly string[])[] = [];
    let position = 0;
    catalog.onEvents(() => {
      seen.push(told(eventsOf(catalog, position)));
      position = catalog.eventPosition().sequence;
    });
    store(catalog, idOf("a"), { name: "a" });
    catalog.recordAccess(idOf("a"), new Date(startMs));
    catalog.flushAccesses();
    catalog.markDeleting([idOf("a")]);
    assert.deepEqual(seen, [["created a a"], ["deleted a a"]]);
  });
});

test("events and positions survive a restart", async () => {
  await withCatalog(({ catalog, reopen }) => {
    store(catalog, idOf("a"), { name: "a" });
    const position = catalog.eventPosition();
    const before = eventsOf(catalog);
    const again = reopen();
    assert.deepEqual(again.eventPosition(), position);
    assert.deepEqual(eventsOf(again), before);
    store(again, idOf("b"), { name: "b" });
    assert(again.isKnownPosition(position));
    assert.deepEqual(told(eventsOf(again, position.sequence)), ["created b b"]);
  });
});

/** Opens a catalog that keeps few events. */
async function withFewEvents(
  maxEvents: number,
  work: (open: () => Catalog) => void,
): Promise<void> {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    work(() => openCatalog(path, { clock: testClock(), maxEvents }));
  });
}

test("old events are trimmed in batches, and watchers that needed them receive MISSED", async () => {
  await withFewEvents(30, (open) => {
    const catalog = open();
    store(catalog, idOf("a"), { name: "n" });
    const first = catalog.eventPosition();
    assert.deepEqual(catalog.eventsAfter(0, 5).missed, false);
    const kept: number[] = [];
    for (let n = 0; n < 200; n++) {
      catalog.update(idOf("a"), { name: `n${n}` });
      const { sequence } = catalog.eventPosition();
      let oldest = sequence;
      while (oldest > 1 && !catalog.eventsAfter(oldest - 2, 1).missed) oldest -= 1;
      kept.push(sequence - oldest + 1);
    }
    assert(Math.max(...kept) <= 33, `up to ${Math.max(...kept)}`);
    assert.equal(Math.min(...kept.slice(50)), 30);
    assert.equal(catalog.isKnownPosition(first), false);
    assert.equal(catalog.isKnownPosition({ sequence: 0, mark: "" }), false);
    assert.deepEqual(catalog.eventsAfter(first.sequence, 5), { events: [], missed: true });
    const newest = catalog.eventPosition();
    assert.deepEqual(catalog.eventsAfter(newest.sequence, 5), { events: [], missed: false });
    assert.equal(newest.sequence, 201);
    catalog.close();
  });
});

test("a removal never trims events, because it must succeed on a nearly full disk", async () => {
  await withFewEvents(10, (open) => {
    const catalog = open();
    for (let n = 0; n < 9; n++) store(catalog, idOf(n), { name: `n${n}` });
    for (let n = 0; n < 9; n++) catalog.markDeleting([idOf(n)]);
    assert.equal(eventsOf(catalog).length, 18);
    store(catalog, idOf("a"));
    assert(catalog.eventsAfter(0, 1).missed);
    catalog.close();
  });
});

test("the total size of the events is bounded too, and the newest event is always kept", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"), { imageBlobIds: ["blob"], description: "x".repeat(2 ** 20) });
    for (let n = 0; n < 340; n++) catalog.update(idOf("a"), { name: `n${n}` });
    assert(catalog.eventsAfter(0, 1).missed);
    const { sequence } = catalog.eventPosition();
    assert.equal(catalog.eventsAfter(sequence - 1, 5).events.length, 1);
    catalog.markDeleting([idOf("a")]);
    const [gone] = eventsOf(catalog, sequence);
    assert.deepEqual(gone?.snapshot.config.imageBlobIds, []);
  });
});

test("events omit long lists of blob ids, but show them while the snapshot exists", async () => {
  await withCatalog(({ catalog }) => {
    const megabyte = Array.from({ length: 1000 }, (_, n) => `${n}`.padEnd(1024, "x")).sort();
    store(catalog, idOf("a"), { imageBlobIds: megabyte });
    catalog.update(idOf("a"), { name: "renamed" });
    for (const { snapshot } of eventsOf(catalog)) {
      assert.deepEqual(snapshot.config.imageBlobIds, megabyte);
    }
    catalog.markDeleting([idOf("a")]);
    const events = eventsOf(catalog);
    assert.equal(events.length, 3);
    for (const { snapshot } of events) assert.deepEqual(snapshot.config.imageBlobIds, []);
  });
});

test("a position of another history of the catalog is unknown", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("a"));
    const { sequence, mark } = catalog.eventPosition();
    assert(catalog.isKnownPosition({ sequence, mark }));
    assert(catalog.isKnownPosition({ sequence: 0, mark: "" }));
    assert(!catalog.isKnownPosition({ sequence, mark: "00" }));
    assert(!catalog.isKnownPosition({ sequence: sequence + 1, mark }));
    assert(!catalog.isKnownPosition({ sequence: -1, mark }));
  });
});
