// Check finds each thing that does not fit together, names it, and changes nothing.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { blockTableName } from "../../src/data/layout.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/data/manifest.js";
import type { FindingAction, FindingKind } from "../../src/model/finding.js";
import { failsWith } from "../support/errors.js";
import { findingsIn } from "../support/clean.js";
import { reopen } from "../support/reopen.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { tamper, withStoredScene, type StoredScene } from "./stored-scene.js";

interface Damage {
  readonly inflict: (scene: StoredScene) => Promise<unknown> | void;
  /** Kind and action of all that is found, in order. */
  readonly expected: readonly (readonly [FindingKind, FindingAction])[];
}

const otherId = "abcdefghjkmnpqrs";

function manifestOf({ layout, a }: StoredScene): string {
  return join(layout.dataDirectory(a.config.id), "manifest.json");
}

function fileOf({ layout, a }: StoredScene, name: string): string {
  return join(layout.filesDirectory(a.config.id), name);
}

function tableOf({ layout, a }: StoredScene, index: number): string {
  return join(layout.dataDirectory(a.config.id), "blocks", blockTableName(index));
}

async function changeManifest(
  scene: StoredScene,
  change: (manifest: Manifest) => Manifest,
): Promise<void> {
  const path = manifestOf(scene);
  await writeFile(path, encodeManifest(change(decodeManifest(await readFile(path), path))));
}

async function flip(path: string, offset: number): Promise<void> {
  await using handle = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  await handle.write(Buffer.from([byte.readUInt8() ^ 0x40]), 0, 1, offset);
}

const damages: Readonly<Record<string, Damage>> = {
  nothing: { inflict: () => undefined, expected: [] },
  "a directory without a record": {
    inflict: (scene) => tamper(scene, `DELETE FROM snapshots WHERE id = '${scene.a.config.id}'`),
    // The sums of what the record had are right: its deletion was counted.
    expected: [["directory_unknown", "adopt"]],
  },
  "a directory without a record and without a manifest": {
    inflict: ({ layout }) => mkdir(layout.dataDirectory(otherId)),
    expected: [["directory_unknown", "quarantine"]],
  },
  "a copy of a directory under another id": {
    inflict: ({ layout, a }) =>
      cp(layout.dataDirectory(a.config.id), layout.dataDirectory(otherId), { recursive: true }),
    expected: [["directory_unknown", "quarantine"]],
  },
  "a foreign file in data/": {
    inflict: ({ layout }) => writeFile(join(layout.dataRoot, "notes.txt"), "mine"),
    expected: [["entry_unknown", "quarantine"]],
  },
  "a record without a directory": {
    inflict: ({ layout, a, scratch }) =>
      rename(layout.dataDirectory(a.config.id), join(scratch, "away")),
    expected: [["directory_missing", "mark_lost"]],
  },
  "a record whose directory is in the trash": {
    inflict: ({ layout, a: { config } }) =>
      rename(layout.dataDirectory(config.id), layout.trashDirectory(config.id)),
    expected: [
      ["interrupted", "at_next_start"],
      ["trash_leftover", "at_next_start"],
    ],
  },
  "no manifest": {
    inflict: (scene) => rm(manifestOf(scene)),
    expected: [["manifest_missing", "rewrite_manifest"]],
  },
  "a manifest with a flipped bit": {
    inflict: (scene) => flip(manifestOf(scene), 300),
    expected: [["manifest_damaged", "rewrite_manifest"]],
  },
  "a manifest that was cut": {
    inflict: (scene) => truncate(manifestOf(scene), 200),
    expected: [["manifest_damaged", "rewrite_manifest"]],
  },
  "a manifest of another snapshot": {
    inflict: (scene) =>
      cp(join(scene.layout.dataDirectory(scene.b.config.id), "manifest.json"), manifestOf(scene)),
    expected: [["manifest_damaged", "rewrite_manifest"]],
  },
  "an older manifest": {
    inflict: (scene) => changeManifest(scene, (manifest) => ({ ...manifest, revision: 1 })),
    expected: [["manifest_older", "rewrite_manifest"]],
  },
  "a newer manifest": {
    inflict: (scene) => changeManifest(scene, (manifest) => ({ ...manifest, revision: 9 })),
    expected: [["manifest_newer", "take_manifest"]],
  },
  "a manifest with another configuration": {
    inflict: (scene) =>
      changeManifest(scene, (manifest) => ({
        ...manifest,
        config: { ...manifest.config, cpu: 99 },
      })),
    expected: [["manifest_differs", "rewrite_manifest"]],
  },
  "a missing file": {
    inflict: (scene) => rm(fileOf(scene, "cow.raw")),
    expected: [["file_missing", "mark_corrupt"]],
  },
  "no directory of files": {
    inflict: ({ layout, a }) => rm(layout.filesDirectory(a.config.id), { recursive: true }),
    expected: [["file_missing", "mark_corrupt"]],
  },
  "a file too many": {
    inflict: (scene) => writeFile(fileOf(scene, "extra"), "mine"),
    expected: [["file_unknown", "quarantine"]],
  },
  "a link in place of a file": {
    inflict: async (scene) => {
      await rename(fileOf(scene, "cow.raw"), join(scene.scratch, "cow.raw"));
      await symlink(join(scene.scratch, "cow.raw"), fileOf(scene, "cow.raw"));
    },
    expected: [["file_kind", "mark_corrupt"]],
  },
  "a file of another size": {
    inflict: (scene) => truncate(fileOf(scene, "cow.raw"), 4096),
    expected: [["file_size", "mark_corrupt"]],
  },
  "a file with another mode": {
    inflict: (scene) => chmod(fileOf(scene, "state.json"), 0o604),
    expected: [["file_mode", "set_mode"]],
  },
  "a missing block table": {
    inflict: (scene) => rm(tableOf(scene, 1)),
    expected: [["block_table_missing", "rebuild_block_table"]],
  },
  "a damaged block table": {
    inflict: (scene) => flip(tableOf(scene, 1), 40),
    expected: [["block_table_damaged", "rebuild_block_table"]],
  },
  "a flipped bit in a file": {
    inflict: (scene) => flip(fileOf(scene, "memory-ranges"), 700 * 1024 + 17),
    expected: [["data_damaged", "mark_corrupt"]],
  },
  "a foreign file in a snapshot's directory": {
    inflict: ({ layout, a }) => writeFile(join(layout.dataDirectory(a.config.id), "notes"), "mine"),
    expected: [["entry_unknown", "quarantine"]],
  },
  "what a killed replacement of a manifest leaves": {
    inflict: (scene) => writeFile(`${manifestOf(scene)}.0123456789ab.tmp`, "half"),
    expected: [["temporary_file", "quarantine"]],
  },
  "an upload that was cut short": {
    inflict: ({ layout }) => mkdir(layout.stagingDirectory(otherId)),
    expected: [["staging_leftover", "at_next_start"]],
  },
  "a deletion that was cut short": {
    inflict: ({ layout }) => mkdir(layout.trashDirectory(otherId)),
    expected: [["trash_leftover", "at_next_start"]],
  },
  "something in quarantine": {
    inflict: ({ layout }) => mkdir(join(layout.quarantineRoot, otherId)),
    expected: [["quarantined", "none"]],
  },
  "no ballast": {
    inflict: ({ layout }) => rm(layout.ballast),
    expected: [["ballast_missing", "make_ballast"]],
  },
  "wrong totals": {
    inflict: (scene) => tamper(scene, "UPDATE totals SET ready_count = 7"),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a label without its row": {
    inflict: (scene) => tamper(scene, "DELETE FROM snapshot_labels WHERE value = 'a'"),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a pin too many": {
    inflict: (scene) => tamper(scene, `INSERT INTO pins VALUES ('other', '${scene.a.config.id}')`),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a size that is not that of the files": {
    inflict: (scene) => tamper(scene, "UPDATE snapshots SET size_bytes = 1 WHERE name = 'a'"),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a file's record missing": {
    inflict: (scene) =>
      tamper(
        scene,
        `DELETE FROM snapshot_files WHERE name = 'state.json' AND snapshot_id = '${scene.a.config.id}'`,
      ),
    expected: [
      ["catalog_rows", "rewrite_rows"],
      ["manifest_differs", "take_manifest"],
    ],
  },
  "a configuration that is no JSON": {
    inflict: (scene) => tamper(scene, "UPDATE snapshots SET config = '{' WHERE name = 'a'"),
    expected: [["catalog_rows", "take_manifest"]],
  },
  "a snapshot marked corrupt": {
    inflict: (scene) => tamper(scene, "UPDATE snapshots SET corrupt = 1 WHERE name = 'a'"),
    expected: [["marked_corrupt", "none"]],
  },
  "no catalog": {
    inflict: ({ layout }) => rm(layout.catalogDatabase),
    expected: [
      ["catalog_missing", "at_next_start"],
      ["directory_unknown", "adopt"],
      ["directory_unknown", "adopt"],
    ],
  },
  "a catalog of noise": {
    inflict: ({ layout }) => writeFile(layout.catalogDatabase, randomBytes(8192)),
    expected: [
      ["catalog_damaged", "at_next_start"],
      ["directory_unknown", "adopt"],
      ["directory_unknown", "adopt"],
    ],
  },
};

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

/** Names of everything there but the lock, with the bytes of what SQLite does not own. */
async function listing(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith("lock."))
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        // Of the databases only SQLite may open.
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

test("check is refused while a daemon serves the store, and where there is none", () =>
  withStoredScene(async ({ root, scratch }) => {
    await failsWith(findingsIn(join(scratch, "nothing")), "DIRECTORY_NOT_FOUND");
    await failsWith(findingsIn(scratch), "DIRECTORY_NOT_FOUND");
    assert.ok(!existsSync(join(scratch, "lock.db")), "check made a lock where no store is");
    await using _store = await reopen(root);
    await failsWith(findingsIn(root), "ROOT_LOCKED");
  }));

test("stasis check: exit codes, text and JSON", () =>
  withStoredScene(async (scene) => {
    const args = ["check", "--root", scene.root];
    const clean = await runStasis(args);
    assert.equal(clean.code, 0, clean.stderr);
    assert.equal(clean.stdout, "2 snapshots, no problems\n");
    await rm(scene.layout.ballast);
    assert.equal((await runStasis(args)).code, 0, "a note is no problem");
    await flip(fileOf(scene, "memory-ranges"), 700 * 1024 + 17);
    assert.equal((await runStasis(args)).code, 0, "data is only read with --deep");
    const deep = await runStasis([...args, "--deep"]);
    assert.equal(deep.code, 11);
    assert.match(deep.stdout, /PROBLEM +data-damaged +mark-corrupt +\w+ +a .*memory-ranges/);
    assert.match(deep.stdout, /2 snapshots, 1 problems\n$/);
    const json = await runStasis([...args, "--deep", "--json"]);
    const { findings, summary } = JSON.parse(json.stdout) as {
      findings: { kind: string; problem: boolean; id: string; path: string }[];
      summary: { snapshots: string; problems: string };
    };
    assert.deepEqual(summary, { snapshots: "2", problems: "1" });
    const [damaged] = findings.filter(({ problem }) => problem);
    assert.equal(damaged?.kind, "FINDING_KIND_DATA_DAMAGED");
    assert.equal(damaged.id, scene.a.config.id);
    // The same through a daemon.
    await using daemon = await startDaemonProcess(scene.root);
    const online = await runStasis(["check", "--deep", "--addr", daemon.address]);
    assert.equal(online.code, 11, online.stderr);
    assert.equal(problemLine(online.stdout), problemLine(deep.stdout));
  }));

function problemLine(text: string): string | undefined {
  const line = text.split("\n").find((each) => each.startsWith("PROBLEM"));
  return line?.replaceAll(/ +/g, " ");
}
