// Tests that check finds and names each inconsistency, and changes nothing.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { failsWith } from "../support/errors.js";
import { findingsIn } from "../support/clean.js";
import { reopen } from "../support/reopen.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { damages, fileOf, flip } from "./damages.js";
import { withStoredScene } from "./stored-scene.js";
import { removeScratch } from "../support/scratch.js";

for (const [damage, { inflict, expected }] of Object.entries(damages)) {
  test(`check of a store with ${damage}`, () =>
    withStoredScene(async (scene) => {
      await inflict(scene);
      const before = await listing(scene.root);
      const found = await findingsIn(scene.root);
      assert.deepEqual(
        found.map(({ kind, action }) => [kind, action]),
        expected,
        JSON.stringify(found, null, 2),
      );
      for (const { path, found: text } of found) {
        assert.ok(path.startsWith(scene.root) && text.length > 0);
      }
      assert.deepEqual(await listing(scene.root), before, "check changed something");
    }));
}

/** Lists every path except the lock, with the bytes of files that SQLite does not own. */
async function listing(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith("lock."))
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        // Only SQLite may open the databases.
        const isPlain = entry.isFile() && !entry.name.includes(".db");
        return isPlain ? `${path} ${(await readFile(path)).toString("base64")}` : path;
      }),
  );
  return lines.sort();
}

test("check of a store whose daemon was killed finds no problem and changes nothing", () =>
  withStoredScene(async ({ root, layout }) => {
    {
      await using daemon = await startDaemonProcess(root);
      await daemon.kill();
    }
    assert.ok(existsSync(`${layout.catalogDatabase}-wal`));
    const before = await listing(root);
    assert.deepEqual(await findingsIn(root), []);
    assert.deepEqual(await listing(root), before);
    await using store = await reopen(root);
    assert.equal(store.list({ pageSize: 10 }).totalSize, 2);
  }));

test("check is refused while a daemon serves the store, and for a directory without a store", () =>
  withStoredScene(async ({ root, scratch }) => {
    await failsWith(findingsIn(join(scratch, "nothing")), "DIRECTORY_NOT_FOUND");
    await failsWith(findingsIn(scratch), "DIRECTORY_NOT_FOUND");
    assert.ok(!existsSync(join(scratch, "lock.db")), "check made a lock where no store is");
    await using _store = await reopen(root);
    await failsWith(findingsIn(root), "ROOT_LOCKED");
  }));

test("stasis check has exit codes, text and JSON", () =>
  withStoredScene(async (scene) => {
    const args = ["check", "--root", scene.root];
    const clean = await runStasis(args);
    assert.equal(clean.code, 0, clean.stderr);
    assert.equal(clean.stdout, "2 snapshots, no problems\n");
    await removeScratch(scene.layout.ballast);
    assert.equal((await runStasis(args)).code, 0, "a note is not a problem");
    await flip(fileOf(scene, "memory-ranges"), 700 * 1024 + 17);
    assert.equal((await runStasis(args)).code, 0, "data is only read with --deep");
    const deep = await runStasis([...args, "--deep"]);
    assert.equal(deep.code, 11);
    assert.match(deep.stdout, /PROBLEM +data-damaged +mark-corrupt +\w+ +a .*memory-ranges/);
    assert.match(deep.stdout, /2 snapshots, 1 problem\n$/);
    const json = await runStasis([...args, "--deep", "--json"]);
    const { findings, summary } = JSON.parse(json.stdout) as {
      findings: { kind: string; problem: boolean; id: string; path: string }[];
      summary: { snapshots: string; problems: string };
    };
    assert.deepEqual(summary, { snapshots: "2", problems: "1" });
    const [damaged] = findings.filter(({ problem }) => problem);
    assert.equal(damaged?.kind, "FINDING_KIND_DATA_DAMAGED");
    assert.equal(damaged.id, scene.a.config.id);
    // This call checks the store through a daemon.
    await using daemon = await startDaemonProcess(scene.root);
    const online = await runStasis(["check", "--deep", "--addr", daemon.address]);
    assert.equal(online.code, 11, online.stderr);
    assert.equal(problemLine(online.stdout), problemLine(deep.stdout));
  }));

function problemLine(text: string): string | undefined {
  const line = text.split("\n").find((each) => each.startsWith("PROBLEM"));
  return line?.replaceAll(/ +/g, " ");
}
