// Lists kinds of damage that are made without the daemon, and the findings of check for each.
import { randomBytes } from "node:crypto";
import {
  chmod,
  cp,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { blockTableName } from "../../src/files/layout.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/files/manifest.js";
import type { FindingAction, FindingKind } from "../../src/model/finding.js";
import { tamper, type StoredScene } from "./stored-scene.js";
import { removeScratch } from "../support/scratch.js";
import { openPastMode, pastModes } from "../support/tamper.js";

export interface Damage {
  readonly inflict: (scene: StoredScene) => Promise<unknown> | void;
  /** The kind and the action of each finding, in order. */
  readonly expected: readonly (readonly [FindingKind, FindingAction])[];
}

const otherId = "abcdefghjkmnpqrs";

function manifestOf({ layout, a }: StoredScene): string {
  return join(layout.dataDirectory(a.config.id), "manifest.json");
}

export function fileOf({ layout, a }: StoredScene, name: string): string {
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

export async function flip(path: string, offset: number): Promise<void> {
  await using handle = await openPastMode(path);
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  await handle.write(Buffer.from([byte.readUInt8() ^ 0x40]), 0, 1, offset);
}

export const damages: Readonly<Record<string, Damage>> = {
  nothing: { inflict: () => undefined, expected: [] },
  "a directory without a record": {
    inflict: (scene) => tamper(scene, `DELETE FROM snapshots WHERE id = '${scene.a.config.id}'`),
    // Check reports no wrong sums, because the deletion of the record also updated the sums.
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
  "a truncated manifest": {
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
    inflict: (scene) => {
      const path = fileOf(scene, "cow.raw");
      return pastModes(path, () => rm(path));
    },
    expected: [["file_missing", "mark_corrupt"]],
  },
  "a missing directory of files": {
    inflict: ({ layout, a }) => removeScratch(layout.filesDirectory(a.config.id)),
    expected: [["file_missing", "mark_corrupt"]],
  },
  "an extra file": {
    inflict: (scene) => {
      const path = fileOf(scene, "extra");
      return pastModes(path, () => writeFile(path, "mine"));
    },
    expected: [["file_unknown", "quarantine"]],
  },
  "a link in place of a file": {
    inflict: async (scene) => {
      const [path, moved] = [fileOf(scene, "cow.raw"), join(scene.scratch, "cow.raw")];
      await pastModes(path, async () => {
        await rename(path, moved);
        await symlink(moved, path);
      });
    },
    expected: [["file_kind", "mark_corrupt"]],
  },
  "a file of another size": {
    inflict: (scene) => {
      const path = fileOf(scene, "cow.raw");
      return pastModes(path, () => truncate(path, 4096));
    },
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
  "a leftover of a killed manifest replacement": {
    inflict: (scene) => writeFile(`${manifestOf(scene)}.0123456789ab.tmp`, "half"),
    expected: [["temporary_file", "quarantine"]],
  },
  "an interrupted upload": {
    inflict: ({ layout }) => mkdir(layout.stagingDirectory(otherId)),
    expected: [["staging_leftover", "at_next_start"]],
  },
  "an interrupted deletion": {
    inflict: ({ layout }) => mkdir(layout.trashDirectory(otherId)),
    expected: [["trash_leftover", "at_next_start"]],
  },
  "something in quarantine": {
    inflict: ({ layout }) => mkdir(join(layout.quarantineRoot, otherId)),
    expected: [["quarantined", "none"]],
  },
  "no ballast": {
    inflict: ({ layout }) => removeScratch(layout.ballast),
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
  "an extra pin": {
    inflict: (scene) =>
      tamper(
        scene,
        `INSERT INTO blobs (blob_id) VALUES ('other');
         INSERT INTO pins SELECT '${scene.a.config.id}', blob FROM blobs WHERE blob_id = 'other'`,
      ),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a size that is not that of the files": {
    inflict: (scene) => tamper(scene, "UPDATE snapshots SET size_bytes = 1 WHERE name = 'a'"),
    expected: [["catalog_rows", "rewrite_rows"]],
  },
  "a file without a record": {
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
  "a configuration that is not JSON": {
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
