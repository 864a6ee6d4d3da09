// Tests that repair does what check proposes. Afterwards the store is consistent or reports its
// losses, and nothing was deleted.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding, Repaired, RepairOptions } from "../../src/model/finding.js";
import { repairUnserved } from "../../src/store/offline.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { findingsIn } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { reopen } from "../support/reopen.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { compareStored } from "./contents.js";
import { damages, fileOf, flip } from "./damages.js";
import { addSnapshot, withStoredScene, type StoredScene } from "./stored-scene.js";
import { storeDefaults } from "../support/defaults.js";

const never = new AbortController().signal;
const thorough: RepairOptions = { dryRun: false, deep: true, limitBytesPerSecond: 0 };

async function collect(events: AsyncIterable<Repaired>): Promise<Repaired[]> {
  const all: Repaired[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/**
 * Returns true if check proposes an action. Problems that no repair can fix have no action, so they
 * may stay.
 */
function isProblem({ severity, action }: Finding): boolean {
  return severity === "problem" && action !== "none";
}

/**
 * Returns the names of the files in the data and quarantine directories, without manifests, block
 * tables, catalogs and reasons.
 */
async function keptNames({ root, layout }: StoredScene): Promise<string[]> {
  const names: string[] = [];
  for (const part of [layout.dataRoot, layout.quarantineRoot]) {
    for (const entry of await readdir(part, { recursive: true, withFileTypes: true })) {
      const ours = /^(manifest\.json|\d+\.blk|catalog\.db.*|.*\.reason\.txt)$/.test(entry.name);
      if (entry.isDirectory() || ours) continue;
      names.push(entry.name);
    }
  }
  assert.ok(root.length > 0);
  return names.sort();
}

for (const [damage, { inflict }] of Object.entries(damages)) {
  test(`repair of a store with ${damage}`, () =>
    withStoredScene(async (scene) => {
      await inflict(scene);
      const before = await findingsIn(scene.root);
      const names = await keptNames(scene);
      const planned = await collect(
        repairUnserved(scene.root, { ...thorough, dryRun: true }, never, storeDefaults),
      );
      assert.deepEqual(
        planned.map(({ finding }) => finding),
        before,
      );
      assert.deepEqual(await findingsIn(scene.root), before, "a dry run changed something");
      const repaired = await collect(repairUnserved(scene.root, thorough, never, storeDefaults));
      const failed = repaired.filter(({ outcome }) => outcome === "failed");
      assert.deepEqual(failed, []);
      const after = await findingsIn(scene.root);
      assert.deepEqual(after.filter(isProblem), []);
      const kept = await keptNames(scene);
      // Recovery itself may empty the trash. Repair removes nothing that check reports as a
      // problem.
      if (!before.some(({ kind }) => kind === "trash_leftover")) {
        for (const name of names) assert.ok(kept.includes(name), `${name} is gone`);
      }
      await using store = await reopen(scene.root);
      await compareStored(store.layout.filesDirectory(scene.b.config.id), scene.source);
    }));
}

test("data with a wrong digest gets no new block table: the snapshot is marked", () =>
  withStoredScene(async (scene) => {
    const id = scene.a.config.id;
    await flip(fileOf(scene, "memory-ranges"), 700 * 1024 + 17);
    const tables = join(scene.layout.dataDirectory(id), "blocks");
    for (const name of await readdir(tables)) await flip(join(tables, name), 10);
    const repaired = await collect(
      repairUnserved(scene.root, { ...thorough, deep: false }, never, storeDefaults),
    );
    const outcomes = repaired.map(({ outcome, finding }) => `${outcome} ${finding.path.slice(-5)}`);
    assert.deepEqual(
      outcomes.sort(),
      ["done .json", "done .json", "done w.raw", "failed anges"].sort(),
    );
    await using store = await reopen(scene.root);
    assert.equal(store.inspect(id).corrupt, true);
  }));

test("stasis repair through a daemon prints its actions as text and JSON, and has exit codes", () =>
  withStoredScene(async (scene) => {
    await damages["a manifest with a flipped bit"]?.inflict(scene);
    await damages["a file with another mode"]?.inflict(scene);
    await using daemon = await startDaemonProcess(scene.root);
    const repair = ["repair", "--addr", daemon.address];
    const dry = await runStasis([...repair, "--dry-run"]);
    assert.equal(dry.code, 11);
    assert.match(dry.stdout, /^planned +PROBLEM +manifest-damaged +rewrite-manifest/m);
    const json = await runStasis([...repair, "--json"]);
    assert.equal(json.code, 0, json.stderr);
    const { repaired } = JSON.parse(json.stdout) as { repaired: { outcome: string }[] };
    assert.deepEqual(
      repaired.map(({ outcome }) => outcome),
      ["REPAIR_OUTCOME_DONE", "REPAIR_OUTCOME_DONE"],
    );
    assert.equal((await runStasis(repair)).stdout, "nothing to repair\n");
    assert.equal((await runStasis(["check", "--deep", "--addr", daemon.address])).code, 0);
  }));

/** Tests that changed names, rewritten manifests and moved directories are no findings. */
test("check of a live store under load finds nothing", () =>
  withStoredScene(async ({ root, source, scratch }) => {
    assert.ok(scratch.length > 0);
    await using store = await reopen(root);
    let isOver = false;
    const churn = Promise.all(
      ["x", "y"].map(async (name) => {
        for (let round = 0; round < 15; round += 1) await changeAbout(store, source, name);
      }),
    ).finally(() => (isOver = true));
    let checks = 0;
    try {
      while (!isOver) {
        for await (const event of store.check({ deep: true, limitBytesPerSecond: 0 }, never)) {
          if (event.kind === "finding") assert.fail(JSON.stringify(event.finding));
        }
        checks += 1;
      }
    } finally {
      await churn;
    }
    assert.ok(checks > 0);
  }));

async function changeAbout(store: SnapshotStore, source: string, name: string): Promise<void> {
  await addSnapshot(store, source, name);
  await store.update({ ref: name, description: "changed" });
  await addSnapshot(store, source, name, { replace: true });
  await store.update({ ref: name, name: `${name}-renamed` });
  await store.delete({ refs: [`${name}-renamed`], allowMissing: false });
}
