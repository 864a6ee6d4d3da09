// Makes the block tables of a snapshot that was stored without them, for example because its files
// were taken over by rename.
import { join } from "node:path";
import type { SnapshotFile } from "../model/snapshot.js";
import { encodeBlockTable } from "./block-table-codec.js";
import { algorithms } from "./block-digest.js";
import { rootDigest } from "./block-table.js";
import { ensureDirectory, fsyncDirectory, replaceFile } from "./durable.js";
import { byName } from "./file-order.js";
import { hashFile } from "./hash-file.js";
import { blocksDirectoryName, blockTableName, type Layout } from "./layout.js";
import { openStored } from "./stored.js";

/**
 * Computes the missing digests from the stored bytes and makes their block tables durable. Returns
 * all files in the order given; the caller must change the catalog and the manifest. `files` must
 * be all files of the snapshot, because their order by name numbers the tables.
 */
export async function hashStored(
  layout: Layout,
  id: string,
  files: readonly SnapshotFile[],
  signal?: AbortSignal,
): Promise<SnapshotFile[]> {
  await using stored = await openStored(layout, id, files, signal);
  const blocks = await blocksDirectory(layout.dataDirectory(id));
  const hashed = new Map<string, SnapshotFile>();
  for (const [index, file] of [...files].sort(byName).entries()) {
    if (file.digest !== "") continue;
    await using handle = await stored.open(file.name);
    const table = await hashFile(handle, file.sizeBytes, { what: file.name, signal });
    await replaceFile(join(blocks, blockTableName(index)), encodeBlockTable(table));
    hashed.set(file.name, { ...file, digest: rootDigest(table) });
  }
  await fsyncDirectory(blocks);
  return files.map((file) => hashed.get(file.name) ?? file);
}

/**
 * Makes the block table of one file again from its data. If the data does not have the stored
 * digest, this writes nothing and returns false.
 */
export async function rebuildTable(
  layout: Layout,
  id: string,
  files: readonly SnapshotFile[],
  file: SnapshotFile,
  signal: AbortSignal,
): Promise<boolean> {
  await using stored = await openStored(layout, id, [file], signal);
  await using handle = await stored.open(file.name);
  // Only the lost table recorded the algorithm of the digest, so each one is tried.
  for (const algorithm of algorithms) {
    const table = await hashFile(handle, file.sizeBytes, { what: file.name, algorithm, signal });
    if (rootDigest(table) !== file.digest) continue;
    const blocks = await blocksDirectory(layout.dataDirectory(id));
    const index = [...files].sort(byName).findIndex(({ name }) => name === file.name);
    await replaceFile(join(blocks, blockTableName(index)), encodeBlockTable(table));
    await fsyncDirectory(blocks);
    return true;
  }
  return false;
}

/**
 * Makes the directory of the block tables if it is missing. Staging makes it, but a snapshot that
 * recovery adopted may lack it.
 */
async function blocksDirectory(directory: string): Promise<string> {
  const blocks = join(directory, blocksDirectoryName);
  await ensureDirectory(blocks, "make the directory of block tables");
  await fsyncDirectory(directory);
  return blocks;
}
