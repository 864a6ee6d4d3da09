// Makes a store with a long history, whose catalog is then deleted, truncated, overwritten, or
// replaced by an older copy. Each time a start must find every snapshot, except the deleted ones.
// `npm run lab -- rebuild --snapshots 2000` uses these cases too and prints the durations.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { layoutOf } from "../../src/files/layout.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { assertClean } from "../support/clean.js";
import { reopen } from "../support/reopen.js";
import { makeSource, piece } from "./contents.js";
import { addSnapshot } from "./stored-scene.js";

export interface History {
  readonly root: string;
  /**
   * Names a copy of the catalog from the middle of the history, made while the store was closed.
   */
  readonly olderCopy: string;
  /** Maps the id of each snapshot that exists at the end of the history to its expected content. */
  readonly expected: ReadonlyMap<string, unknown>;
  readonly deletedIds: readonly string[];
}

/**
 * Makes a closed store with a history of about `count` snapshots. `changeTen` changes each group of
 * ten.
 */
export async function makeHistory(scratch: string, count: number): Promise<History> {
  const root = join(scratch, "root");
  const file = { name: "state.json", sizeBytes: 300, pieces: [piece(0, 300)] };
  const source = await makeSource(join(scratch, "tiny"), [file]);
  {
    await using store = await reopen(root);
    for (let n = 0; n < count; n += 1) await addSnapshot(store, source, `s${n}`);
  }
  const olderCopy = join(scratch, "older.db");
  await copyFile(layoutOf(root).catalogDatabase, olderCopy);
  let expected: Map<string, unknown>;
  const deletedIds: string[] = [];
  {
    await using store = await reopen(root);
    for (let n = 0; n < count; n += 10) {
      await changeTen(store, source, n, deletedIds);
    }
    expected = contentsOf(store);
  }
  return { root, olderCopy, expected, deletedIds };
}

/**
 * Changes the snapshots of one group of ten in different ways, after the copy of the catalog was
 * made. The first and the last of the ten stay unchanged.
 */
async function changeTen(
  store: SnapshotStore,
  source: string,
  first: number,
  deletedIds: string[],
): Promise<void> {
  const name = (n: number): string => `s${first + n}`;
  const idOf = (ref: string): string => store.inspect(ref).config.id;
  await store.update({ ref: name(1), name: `${name(1)}-renamed` });
  // Two snapshots exchange their names, and a third one gets the name of a deleted one.
  await store.update({ ref: name(2), name: "on the move".replaceAll(" ", "-") });
  await store.update({ ref: name(3), name: name(2) });
  await store.update({ ref: "on-the-move", name: name(3) });
  await store.update({ ref: name(4), description: "changed", labels: { tier: "gold" } });
  await store.update({ ref: name(5), protected: true });
  deletedIds.push(idOf(name(6)));
  await store.delete({ refs: [name(6)], allowMissing: false });
  await store.update({ ref: name(7), name: name(6) });
  deletedIds.push(idOf(name(8)));
  await addSnapshot(store, source, name(8), { replace: true });
  await addSnapshot(store, source, `${name(9)}-new`);
}

function contentsOf(store: SnapshotStore): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (let pageToken = ""; ;) {
    const page = store.list({ pageSize: 1000, pageToken });
    for (const { config } of page.snapshots) found.set(config.id, plain(store.inspect(config.id)));
    pageToken = page.nextPageToken;
    if (pageToken === "") return found;
  }
}

/** Leaves out the fields that only the catalog records: the last access and the charged bytes. */
function plain({ lastAccessedAt: _, chargedBytes, ...rest }: Snapshot): unknown {
  assert.ok(chargedBytes > rest.allocatedBytes, "the snapshot is charged for its files");
  return rest;
}

export const catalogDamages: Readonly<Record<string, (history: History) => Promise<void>>> = {
  deleted: async ({ root }) => {
    for (const path of await catalogFiles(root)) await rm(path);
  },
  "truncated to half its size": async ({ root }) => {
    const [path = ""] = await catalogFiles(root);
    await truncate(path, Math.floor((await stat(path)).size / 2));
  },
  "overwritten with noise": async ({ root }) => {
    const [path = ""] = await catalogFiles(root);
    await writeFile(path, randomBytes((await stat(path)).size));
  },
  "replaced by an older copy": async ({ root, olderCopy }) => {
    for (const path of await catalogFiles(root)) await rm(path);
    await copyFile(olderCopy, layoutOf(root).catalogDatabase);
  },
};

async function catalogFiles(root: string): Promise<string[]> {
  const prefix = basename(layoutOf(root).catalogDatabase);
  const names = await readdir(root);
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(root, name));
}

/**
 * Starts the store after the damage, and compares and checks everything. Returns the duration of
 * the start in milliseconds.
 */
export async function checkRebuilt(history: History): Promise<number> {
  const tookMs = await startAndCompare(history, 0);
  await assertClean(history.root, [], { deep: false, limitBytesPerSecond: 0 });
  return tookMs;
}

/**
 * Checks that all of `expected` exist and no other snapshots, and that the given number of
 * snapshots is in quarantine.
 */
export async function startAndCompare(
  { root, expected, deletedIds }: History,
  quarantined: number,
): Promise<number> {
  const beginMs = performance.now();
  const store = await reopen(root);
  const tookMs = performance.now() - beginMs;
  try {
    const found = contentsOf(store);
    for (const id of deletedIds) assert.ok(!found.has(id), `${id} is back`);
    assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
    for (const [id, snapshot] of expected) assert.deepEqual(found.get(id), snapshot);
    assert.equal(store.recovery.lost, 0, "what was deleted is called lost");
    assert.equal(store.recovery.quarantined, quarantined);
  } finally {
    await store[Symbol.asyncDispose]();
  }
  return tookMs;
}
