// Finds which algorithm has hashed the blocks of each file. Only the headers of the block tables
// record the algorithm. A result never changes, so it is cached.
import { join } from "node:path";
import { readTableAlgorithm } from "../../files/block-table-codec.js";
import type { DigestAlgorithm } from "../../files/block-digest.js";
import { byName } from "../../files/file-order.js";
import { blocksDirectoryName, blockTableName, type Layout } from "../../files/layout.js";
import type { Snapshot } from "../../model/snapshot.js";

/**
 * The algorithms by file name. Files without a digest, and files whose table is missing or of a
 * newer version, are left out.
 */
export type FileHashes = ReadonlyMap<string, DigestAlgorithm>;

export type BlockHashes = (snapshot: Snapshot) => Promise<FileHashes>;

/** The maximum number of snapshots in the cache. */
const maxRemembered = 1024;

export function createBlockHashes(layout: Layout): BlockHashes {
  const remembered = new Map<string, FileHashes>();
  return async (snapshot) => {
    const { id } = snapshot.config;
    const known = remembered.get(id);
    if (known !== undefined) return known;
    const found = await readAll(layout, snapshot);
    if (found.size < snapshot.files.length) return found;
    if (remembered.size >= maxRemembered) {
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest);
        break;
      }
    }
    remembered.set(id, found);
    return found;
  };
}

async function readAll(
  layout: Layout,
  { config, files }: Snapshot,
): Promise<Map<string, DigestAlgorithm>> {
  const blocks = join(layout.dataDirectory(config.id), blocksDirectoryName);
  const found = new Map<string, DigestAlgorithm>();
  const read = async (name: string, index: number): Promise<void> => {
    const algorithm = await readTableAlgorithm(join(blocks, blockTableName(index)));
    if (algorithm !== undefined) found.set(name, algorithm);
  };
  const sorted = [...files].sort(byName);
  for (const [index, { name, digest }] of sorted.entries()) {
    if (digest !== "") await read(name, index);
  }
  return found;
}
