// Judges whether a store keeps its guarantees after a fault. The judge opens the store again
// without layers.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { assertClean } from "../support/clean.js";
import { reopen } from "../support/reopen.js";
import { never } from "../unit/store/support.js";
import {
  given,
  givenFileMode,
  givenMode,
  kept,
  takeRequestId,
  type Content,
  type Place,
  type Scenario,
} from "./scenarios.js";

/** The caller's answer. A refused call must not have taken effect; an interrupted call may have. */
export type Told = "answered" | "refused" | "nothing";

export async function judge(place: Place, scenario: Scenario, told: Told): Promise<void> {
  {
    await using store = await reopen(place.root);
    const found = new Map(
      store.list({ pageSize: 10 }).snapshots.map(({ config }) => [config.name, config.id]),
    );
    assert.ok(found.has("keep"), "another snapshot is gone");
    assertContent(store, "keep", kept);
    const isAfter = assertWeb(store, scenario, told);
    assert.deepEqual(
      [...found.keys()].sort(),
      (isAfter ? scenario.after : scenario.before) === undefined ? ["keep"] : ["keep", "web"],
      "names in the store",
    );
    if (scenario.gives === true) assertGiven(place, isAfter);
    if (scenario.takes === true) await assertTaken(store, place, scenario, isAfter);
  }
  for (const part of ["staging", "trash", "quarantine"]) {
    assert.deepEqual(readdirSync(join(place.root, part)), [], `left in ${part}`);
  }
  await assertClean(place.root);
}

/**
 * Returns true if `web` has the state after the call. Fails if `web` has neither that state nor the
 * state before the call.
 */
function assertWeb(store: SnapshotStore, { before, after }: Scenario, told: Told): boolean {
  const allowed = told === "answered" ? [after] : told === "refused" ? [before] : [before, after];
  const problems: unknown[] = [];
  for (const content of allowed) {
    try {
      assertContent(store, "web", content);
      return content === after;
    } catch (error) {
      problems.push(error);
    }
  }
  throw problems[0];
}

function assertContent(store: SnapshotStore, name: string, content: Content | undefined): void {
  if (content === undefined) {
    assert.throws(() => store.inspect(name), { reason: "SNAPSHOT_NOT_FOUND" });
    return;
  }
  const { config } = store.inspect(name);
  assert.equal(config.description, content.description, `description of ${name}`);
  assertFiles(store.layout.filesDirectory(config.id), content);
}

function assertFiles(directory: string, { files }: Content): void {
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(files).sort(), `in ${directory}`);
  for (const [name, bytes] of Object.entries(files)) {
    assert.ok(bytes.equals(readFileSync(join(directory, name))), `bytes of ${name}`);
  }
}

/**
 * Checks that the directory exists exactly when the files were taken. In that case it has the files
 * with their modes, and a repeated request gets the same answer.
 */
async function assertTaken(
  store: SnapshotStore,
  place: Place,
  { before }: Scenario,
  isTaken: boolean,
): Promise<void> {
  assert.equal(existsSync(place.given), isTaken, "the directory that was asked for");
  if (!isTaken || before === undefined) return;
  assertFiles(place.given, before);
  assert.equal(statSync(place.given).mode & 0o7777, 0o700, "mode of the directory");
  for (const name of Object.keys(before.files)) {
    assert.equal(statSync(join(place.given, name)).mode & 0o7777, 0o640, `mode of ${name}`);
  }
  const request = { ref: "web", maxCopyBytes: 1024 ** 3, requestId: takeRequestId };
  const again = await store.takeToDirectory(request, { path: place.given }, never);
  assert.equal(again.snapshot.config.name, "web");
}

/**
 * Checks that the directory is in its old place exactly when the store does not have it, and that
 * it is unchanged there.
 */
function assertGiven(place: Place, isStored: boolean): void {
  assert.equal(existsSync(place.given), !isStored, "the directory in its old place");
  if (isStored) return;
  assertFiles(place.given, given);
  assert.equal(statSync(place.given).mode & 0o7777, givenMode, "mode of the directory");
  for (const name of Object.keys(given.files)) {
    assert.equal(statSync(join(place.given, name)).mode & 0o7777, givenFileMode, `mode of ${name}`);
  }
}
