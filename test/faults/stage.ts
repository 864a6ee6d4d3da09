// Runs scenarios in a scratch directory, in memory if possible, because durability is modelled and
// no test here depends on a disk. A store is prepared once and restored for each run.
import { accessSync, constants, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { reopen } from "../support/reopen.js";
import { removeScratch } from "../support/scratch.js";
import { interceptChanges, type Layer } from "./intercept.js";
import { createKept, placeIn, type Place, type Scenario } from "./scenarios.js";
import { clear, readTree, writeTree, type Tree } from "./tree.js";

export interface Stage extends AsyncDisposable {
  readonly place: Place;
  /** Contains links to the files of each ballast. */
  readonly stash: string;
  /** Replaces the current content with `tree`. */
  put(tree: Tree): void;
  read(): Tree;
}

export function openStage(): Stage {
  const scratch = mkdtempSync(join(memoryDirectory(), "stasis-faults-"));
  const place = placeIn(join(scratch, "base"));
  const stash = join(scratch, "stash");
  return {
    place,
    stash,
    put: (tree) => {
      // The asynchronous rm() is unsuitable. If it fails, some of its deletions continue, and they
      // would remove new files.
      clear(place.base);
      writeTree(place.base, tree);
    },
    read: () => readTree(place.base, stash),
    [Symbol.asyncDispose]: () => removeScratch(scratch),
  };
}

function memoryDirectory(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

/** Describes the initial state of a scenario, which can be restored. */
export interface Prepared {
  readonly scenario: Scenario;
  readonly tree: Tree;
  /** Maps the ids of the existing snapshots to their names in texts. */
  readonly ids: ReadonlyMap<string, string>;
}

export async function prepare(stage: Stage, scenario: Scenario): Promise<Prepared> {
  stage.put({ kind: "directory", mode: 0o700, entries: new Map() });
  const ids = new Map<string, string>();
  {
    await using store = await reopen(stage.place.root);
    await createKept(store);
    await scenario.prepare(store, stage.place);
    for (const { config } of store.list({ pageSize: 10 }).snapshots) {
      ids.set(config.id, config.name === "keep" ? "KEPT" : "OLD");
    }
  }
  return { scenario, tree: stage.read(), ids };
}

export interface Played {
  /** The error is undefined if the call was answered. */
  readonly error: unknown;
}

export interface PlayOptions {
  /** Is called when the call has succeeded. */
  readonly answered?: () => void;
  /** Returns true if a fault has occurred, which may prevent the background work from ending. */
  readonly isStruck?: () => boolean;
}

/**
 * Makes the call of a scenario. The layers stay between the store and its files until the
 * background work is done and the store is closed.
 */
export async function play(
  stage: Stage,
  { scenario, tree }: Prepared,
  layersOf: () => readonly Layer[],
  { answered = () => undefined, isStruck = () => false }: PlayOptions = {},
): Promise<Played> {
  stage.put(tree);
  const store = await reopen(stage.place.root);
  using _ = interceptChanges(stage.place.base, layersOf());
  const error = await outcomeOf(scenario.act(store, stage.place), answered);
  await settle(store, isStruck);
  await store[Symbol.asyncDispose]();
  return { error };
}

const settleLimitMs = 5000;
const struckLimitMs = 30;

/**
 * Waits until the background work has computed all digests and emptied the trash, but no longer
 * than a time limit, which is shorter after a fault.
 */
async function settle(store: SnapshotStore, isStruck: () => boolean): Promise<void> {
  const isDone = (): boolean =>
    store.list({ pageSize: 10 }).snapshots.every(({ digest }) => digest !== "") &&
    readdirSync(store.layout.trashRoot).length === 0;
  const began = performance.now();
  while (!isDone()) {
    const limitMs = isStruck() ? struckLimitMs : settleLimitMs;
    if (performance.now() - began > limitMs) return;
    await pause(2);
  }
}

/**
 * Opens the store in `tree` and closes it, with the layers between the store and its files. Faults
 * therefore hit recovery. Unlike `play`, it makes no call and does not wait for background work.
 */
export async function playStart(
  stage: Stage,
  tree: Tree,
  layersOf: () => readonly Layer[],
): Promise<Played> {
  stage.put(tree);
  using _ = interceptChanges(stage.place.base, layersOf());
  const opening = reopen(stage.place.root).then(closeStore);
  return { error: await outcomeOf(opening, () => undefined) };
}

async function closeStore(store: SnapshotStore): Promise<void> {
  await store[Symbol.asyncDispose]();
}

async function outcomeOf(call: Promise<unknown>, answered: () => void): Promise<unknown> {
  try {
    await call;
    answered();
    return undefined;
  } catch (error) {
    return error ?? new Error("rejected with nothing");
  }
}
