// Tests watches of the domain: their limits, slow watchers, and the ways in which a watch ends.
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openCatalog } from "../../../src/catalog/open.js";
import { Database } from "../../../src/catalog/sqlite.js";
import { systemClock } from "../../../src/base/clock.js";
import { openLayout } from "../../../src/files/layout.js";
import type { StoreOptions } from "../../../src/store/parts/options.js";
import type { SnapshotStore } from "../../../src/store/snapshot-store.js";
import type { WatchEvent, WatchRequest } from "../../../src/store/watch/watch.js";
import { failsWith } from "../../support/errors.js";
import { openPastMode } from "../../support/tamper.js";
import { withScratchDir, removeScratch } from "../../support/scratch.js";
import { createFrom, openTestStore } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

const files = { f: Buffer.from("x") };

interface Watching extends AsyncDisposable {
  next(): Promise<WatchEvent>;
}

function watch(store: SnapshotStore, request: Partial<WatchRequest> = {}): Watching {
  const hangUp = new AbortController();
  const whole = { resumeToken: "", filter: {}, ...request };
  const events = store.watch(whole, hangUp.signal)[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await events.next();
      assert.equal(done, false);
      return value;
    },
    async [Symbol.asyncDispose]() {
      hangUp.abort();
      await events.return?.();
    },
  };
}

/** Opens a store, runs `work`, and returns the position after its events. */
async function tokenAfter(
  root: string,
  work: (store: SnapshotStore) => Promise<unknown>,
  options: Partial<StoreOptions> = {},
): Promise<string> {
  await using store = await openTestStore(root, options);
  await work(store);
  await using events = watch(store);
  return (await events.next()).resumeToken;
}

/** Renames `n<from>` step by step to `n<to>`, with one event for each step. */
async function rename(store: SnapshotStore, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) await store.update({ ref: `n${n}`, name: `n${n + 1}` });
}

function nameOf(event: WatchEvent): string {
  return "snapshot" in event ? event.snapshot.config.name : event.type;
}

test("a lagging watcher gets all kept events, buffers none itself, and is informed that it missed some", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"), { maxEvents: 50 });
    await using slow = watch(store);
    assert.equal((await slow.next()).type, "position");
    await createFrom(store, "n0", files);
    assert.equal(nameOf(await slow.next()), "n0");
    // The watcher is more than a page behind, but no event was trimmed.
    await rename(store, 0, 40);
    for (let n = 1; n <= 40; n += 1) assert.equal(nameOf(await slow.next()), `n${n}`);
    await rename(store, 40, 45);
    assert.equal(nameOf(await slow.next()), "n41");
    await rename(store, 45, 200);
    assert.equal((await slow.next()).type, "missed");
    await rename(store, 200, 202);
    assert.deepEqual([nameOf(await slow.next()), nameOf(await slow.next())], ["n201", "n202"]);
  });
});

test("a watcher of damaged snapshots is notified when damage is found and when it is gone", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    await using damaged = watch(store, { filter: { corrupt: true } });
    await using whole = watch(store, { filter: { corrupt: false } });
    for (const events of [damaged, whole]) await events.next();
    const { config } = await createFrom(store, "a", files);
    await createFrom(store, "b", files);
    const path = join(scratch, "root", "data", config.id, "files", "f");
    await overwrite(path, "y");
    await verifyAll(store);
    assert.deepEqual(typesOf(await damaged.next()), ["corrupt", "a"]);
    await overwrite(path, "x");
    await verifyAll(store);
    assert.deepEqual(typesOf(await damaged.next()), ["updated", "a"]);
    const each = [await whole.next(), await whole.next(), await whole.next(), await whole.next()];
    assert.deepEqual(each.map(typesOf), [
      ["created", "a"],
      ["created", "b"],
      ["corrupt", "a"],
      ["updated", "a"],
    ]);
  });
});

async function overwrite(path: string, text: string): Promise<void> {
  await using file = await openPastMode(path);
  await file.write(text, 0);
}

function typesOf(event: WatchEvent): string[] {
  return [event.type, nameOf(event)];
}

async function verifyAll(store: SnapshotStore): Promise<void> {
  const request = { ref: "", limitBytesPerSecond: 0 };
  for await (const event of store.verify(request, new AbortController().signal)) void event;
}

test("a watch from a token whose events were trimmed begins with MISSED", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const few = { maxEvents: 20 };
    const token = await tokenAfter(root, (store) => createFrom(store, "n0", files), few);
    await tokenAfter(root, (store) => rename(store, 0, 50), few);
    await using store = await openTestStore(root, few);
    await using again = watch(store, { resumeToken: token });
    const missed = await again.next();
    assert.equal(missed.type, "missed");
    await rename(store, 50, 51);
    assert.equal(nameOf(await again.next()), "n51");
    await using after = watch(store, { resumeToken: missed.resumeToken });
    assert.equal(nameOf(await after.next()), "n51");
  });
});

test("a rebuilt or older catalog does not recognize tokens of events that it does not contain", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const { catalogDatabase } = await openLayout(root);
    const first = await tokenAfter(root, (store) => createFrom(store, "a", files));
    const second = await tokenAfter(root, (store) => createFrom(store, "b", files));
    // This is an older copy of the catalog of the same node. In it, the last event never happened.
    const older = new Database(catalogDatabase);
    older.exec("DELETE FROM events WHERE sequence = 2");
    older.exec("DELETE FROM snapshots WHERE name = 'b'");
    older.close();
    {
      await using store = await openTestStore(root);
      await using known = watch(store, { resumeToken: first });
      // Recovery has found the snapshot again. That is a different second event.
      assert.equal(nameOf(await known.next()), "b");
      await using unknown = watch(store, { resumeToken: second });
      assert.equal((await unknown.next()).type, "missed");
    }
    await rm(catalogDatabase);
    await using store = await openTestStore(root);
    assert.equal(store.recovery.adopted, 2);
    await using events = watch(store, { resumeToken: first });
    assert.equal((await events.next()).type, "missed");
  });
});

test("changes by recovery also have events", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const { dataRoot } = await openLayout(root);
    const token = await tokenAfter(root, (store) => createFrom(store, "web", files));
    const [id = ""] = await readdir(dataRoot);
    await removeScratch(join(dataRoot, id));
    await using store = await openTestStore(root);
    await using events = watch(store, { resumeToken: token });
    const event = await events.next();
    assert.deepEqual([event.type, nameOf(event)], ["lost", "web"]);
  });
});

test("a filter that excludes many events still delivers newer tokens", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const before = await tokenAfter(root, (store) => createFrom(store, "n0", files));
    // The catalog is changed directly, because the domain would sync a manifest for each change.
    const { catalogDatabase } = await openLayout(root);
    const catalog = openCatalog(catalogDatabase, {
      clock: systemClock,
      maxEvents: storeDefaults.maxEvents,
    });
    const { id } = catalog.resolveRef("n0").config;
    for (let n = 1; n <= 1100; n += 1) catalog.update(id, { name: `n${n}` });
    catalog.close();
    await using store = await openTestStore(root);
    const filter = { namePrefix: "web" };
    await using filtered = watch(store, { resumeToken: before, filter });
    const { type, resumeToken } = await filtered.next();
    assert.equal(type, "position");
    await using rest = watch(store, { resumeToken });
    const next = Number(nameOf(await rest.next()).slice(1));
    assert.ok(next > 1000, `continues at n${next}`);
    await createFrom(store, "web", files);
    assert.equal(nameOf(await filtered.next()), "web");
  });
});

test("closing ends all watches, waiting or not, and admits no new watch", async () => {
  await withScratchDir(async (scratch) => {
    const store = await openTestStore(join(scratch, "root"));
    const waiting = watch(store);
    const lagging = watch(store);
    for (const each of [waiting, lagging]) assert.equal((await each.next()).type, "position");
    await createFrom(store, "n0", files);
    await waiting.next();
    const ended = failsWith(
      (async () => {
        for (let n = 0; n < 5; n += 1) await waiting.next();
      })(),
      "DRAINING",
    );
    await rename(store, 0, 2);
    assert.equal(nameOf(await lagging.next()), "n0");
    await store[Symbol.asyncDispose]();
    await ended;
    // Events that this watch has already read may still arrive.
    await failsWith(
      (async () => {
        for (let n = 0; n < 5; n += 1) await lagging.next();
      })(),
      "DRAINING",
    );
    await failsWith(watch(store).next(), "DRAINING");
  });
});

test("watches have a separate limit, and each releases its seat", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"), { maxWatchers: 2 });
    const held = [watch(store), watch(store)];
    for (const each of held) await each.next();
    const error = await failsWith(watch(store).next(), "TOO_MANY_STREAMS");
    assert.deepEqual(error.metadata, { limit: "watchers", max: "2" });
    assert.ok((error.retryAfterMs ?? 0) > 0);
    await held[0]?.[Symbol.asyncDispose]();
    // A watch that fails at once does not keep a seat.
    await failsWith(watch(store, { resumeToken: "x" }).next(), "FIELD_INVALID");
    await using another = watch(store);
    await another.next();
    await held[1]?.[Symbol.asyncDispose]();
  });
});

test("one identity cannot use all seats", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"), { maxWatchers: 4 });
    const held = [1, 2, 3].map(() => watch(store, { identity: "greedy" }));
    for (const each of held) await each.next();
    const error = await failsWith(watch(store, { identity: "greedy" }).next(), "TOO_MANY_STREAMS");
    assert.deepEqual(error.metadata, { limit: "watchers_of_this_identity", max: "3" });
    await using other = watch(store, { identity: "other" });
    await other.next();
    for (const each of held) await each[Symbol.asyncDispose]();
    await using again = watch(store, { identity: "greedy" });
    await again.next();
  });
});

test("a thousand watchers all receive every event", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const all = Array.from({ length: 1000 }, () => watch(store));
    for (const each of all) await each.next();
    await createFrom(store, "n0", files);
    await rename(store, 0, 5);
    for (let n = 0; n <= 5; n += 1) {
      const names = await Promise.all(all.map(async (each) => nameOf(await each.next())));
      assert.deepEqual([...new Set(names)], [`n${n}`]);
    }
    for (const each of all) await each[Symbol.asyncDispose]();
  });
});

test("a signal that fires ends a watch with the signal's reason", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const controller = new AbortController();
    const request = { resumeToken: "", filter: {} };
    const events = store.watch(request, controller.signal)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    controller.abort(new Error("enough"));
    await assert.rejects(next, /enough/);
    const late = store.watch(request, AbortSignal.abort(new Error("late")))[Symbol.asyncIterator]();
    await late.next();
    await assert.rejects(late.next(), /late/);
  });
});
