// Publishes a staged snapshot. This is the one place that orders the effects which make a snapshot
// durable. Each step is a function. No step is retried, and an error in any of them ends the
// publication.
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { withIoError } from "../holes/errno.js";
import type { SparseFileWriter } from "../holes/sparse-writer.js";
import { encodeBlockTable } from "./block-table-codec.js";
import type { BlockTable } from "./block-table.js";
import {
  fsyncBeforeMove,
  fsyncDirectory,
  fsyncFile,
  fsyncParents,
  renameOnly,
  writeNewFile,
} from "./durable.js";
import { byName } from "./file-order.js";
import {
  blocksDirectoryName,
  blockTableName,
  filesDirectoryName,
  manifestFileName,
  type Layout,
} from "./layout.js";
import { encodeManifest, type Manifest } from "./manifest.js";
import { openSnapshotDirectory, sealFilesDirectory } from "./stored-modes.js";

/** A complete table in a file of the store's filesystem. Nobody else may use the file any more. */
export interface TableInFile {
  readonly path: string;
}

/** A complete file in staging, and its progress. */
export interface StagedRecord {
  readonly file: SnapshotFile;
  /** Undefined until the content is hashed. A table in a file is moved into the snapshot. */
  readonly table: BlockTable | TableInFile | undefined;
  /**
   * The file's writer while it is open, otherwise undefined. The sync must use the descriptor that
   * made the writes.
   */
  writer: SparseFileWriter | undefined;
  /** True once the fsync of the file has begun, even if it fails. A failed fsync is not retried. */
  synced: boolean;
}

/**
 * Publishes the staged snapshot `manifest.id`. When this returns, the snapshot survives a power
 * cut. Before the rename, nobody can see any part of it.
 */
export async function publishStaged(
  layout: Layout,
  records: readonly StagedRecord[],
  manifest: Manifest,
): Promise<void> {
  const directory = layout.stagingDirectory(manifest.id);
  const sorted = [...records].sort((a, b) => byName(a.file, b.file));
  checkComplete(sorted, manifest);
  await syncFiles(directory, sorted);
  await sealDirectories(layout, directory);
  await syncFileNames(directory);
  await writeBlockTables(directory, sorted);
  await writeStagedManifest(directory, manifest);
  await syncStagedNames(directory);
  await moveIntoPlace(directory, layout.dataDirectory(manifest.id));
  await syncPlace(directory, layout.dataDirectory(manifest.id));
}

/**
 * Throws unless the manifest describes exactly the staged files. Anything else is a bug of the
 * caller.
 */
function checkComplete(records: readonly StagedRecord[], manifest: Manifest): void {
  const described = [...manifest.files].sort(byName);
  const same =
    described.length === records.length &&
    described.every((file, index) => {
      const staged = records[index]?.file;
      return (
        staged?.name === file.name &&
        staged.sizeBytes === file.sizeBytes &&
        staged.digest === file.digest
      );
    });
  if (same) return;
  throw new StoreError("INTERNAL", `manifest of ${manifest.id} is not of the files in staging`);
}

async function syncFiles(directory: string, records: readonly StagedRecord[]): Promise<void> {
  for (const record of records) await syncRecord(directory, record);
}

/** Makes one file durable, once, and closes it. */
export async function syncRecord(directory: string, record: StagedRecord): Promise<void> {
  if (record.synced) return;
  record.synced = true;
  const { writer } = record;
  if (writer === undefined) {
    await fsyncFile(join(directory, filesDirectoryName, record.file.name));
    return;
  }
  await writer.sync();
  record.writer = undefined;
  await writer.close();
}

/**
 * Makes `files/` read-only, and lets the data group pass through the snapshot's directory. The
 * modes become durable with the names in these directories.
 */
async function sealDirectories(layout: Layout, directory: string): Promise<void> {
  await sealFilesDirectory(layout, join(directory, filesDirectoryName));
  await openSnapshotDirectory(layout, directory);
}

async function syncFileNames(directory: string): Promise<void> {
  await fsyncDirectory(join(directory, filesDirectoryName));
}

async function writeBlockTables(
  directory: string,
  records: readonly StagedRecord[],
): Promise<void> {
  const blocks = join(directory, blocksDirectoryName);
  for (const [index, { table }] of records.entries()) {
    if (table === undefined) continue;
    const path = join(blocks, blockTableName(index));
    if ("path" in table) {
      await fsyncFile(table.path);
      await withIoError({ what: `move to ${path}`, path: table.path }, () =>
        renameOnly(table.path, path),
      );
    } else {
      await writeNewFile(path, encodeBlockTable(table));
    }
  }
  await fsyncDirectory(blocks);
}

async function writeStagedManifest(directory: string, manifest: Manifest): Promise<void> {
  await writeNewFile(join(directory, manifestFileName), encodeManifest(manifest));
}

async function syncStagedNames(directory: string): Promise<void> {
  await fsyncDirectory(directory);
  await fsyncBeforeMove(directory);
}

async function moveIntoPlace(directory: string, target: string): Promise<void> {
  await withIoError({ what: `publish as ${target}`, path: directory }, () =>
    renameOnly(directory, target),
  );
}

async function syncPlace(directory: string, target: string): Promise<void> {
  await fsyncParents(directory, target);
}
