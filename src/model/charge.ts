// Computes the charge of a snapshot: the bytes that quotas and totals count. The charge is never
// less than the space that the snapshot takes on disk. It covers the files, block tables, manifest
// and directories, an amount for each inode, and the snapshot's part of the catalog.
import type { SnapshotConfig } from "./config.js";
import type { SnapshotFile } from "./snapshot.js";

/** Space below a directory, including the directory itself. */
export interface DirectorySpace {
  /** Sum of 512 × st_blocks over the directory and everything below it. */
  readonly allocatedBytes: number;
  readonly inodes: number;
}

/**
 * The charge for an inode with its directory entry. It takes 256 bytes on ext4, 512 on XFS, and
 * twice about 500 on btrfs.
 */
export const inodeBytes = 1024;
const diskBlockBytes = 4096;
/**
 * Bytes of data per byte of a block table, which has a digest of 32 bytes for each block of 256
 * KiB.
 */
const dataPerTableByte = 8192;
/** Bytes of a block table's header and checksum, and of some runs. */
const minTableBytes = 256;
/** Bytes of a manifest per byte of its text without indentation. */
const manifestPerText = 1.6;
/** The snapshot's own directory, `files` and `blocks`. */
const directoriesPerSnapshot = 3;

/** Bytes that one more file takes before any data is written: two inodes and a table. */
export const fileBytes = diskBlockBytes + 2 * inodeBytes;

/**
 * Returns the bytes charged for the snapshot's rows and index entries in the catalog, including its
 * share of half-filled pages. The result is an upper bound. Some texts are stored several times: a
 * name in three indexes, and a blob id in `config`, in `blobs` and in the index of `blobs`.
 */
export function catalogBytes(
  config: SnapshotConfig,
  files: readonly Pick<SnapshotFile, "name">[],
): number {
  const texts = [config.name, config.image, config.imageDigest, config.hypervisor];
  const labels = Object.entries(config.labels).flat();
  return (
    diskBlockBytes +
    2 * textBytes([JSON.stringify(config)]) +
    4 * textBytes(texts) +
    4 * textBytes(labels) +
    256 * labels.length +
    config.imageBlobIds.reduce((sum, id) => sum + blobBytes(id), 0) +
    files.reduce((sum, { name }) => sum + 512 + 2 * Buffer.byteLength(name), 0)
  );
}

/**
 * Returns the bytes that a change of the configuration adds to the charge. The result is negative
 * if the new configuration needs less.
 */
export function chargeGrowth(before: SnapshotConfig, after: SnapshotConfig): number {
  return catalogBytes(after, []) - catalogBytes(before, []);
}

/**
 * Returns the bytes of a blob id. Index entries above 1,000 bytes have a page of their own beside
 * the row.
 */
function blobBytes(id: string): number {
  const bytes = Buffer.byteLength(id);
  return 256 + 4 * bytes + (bytes > 900 ? diskBlockBytes : 0);
}

function textBytes(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Returns the charge of a stored snapshot. */
export function chargeOf(
  { allocatedBytes, inodes }: DirectorySpace,
  config: SnapshotConfig,
  files: readonly Pick<SnapshotFile, "name">[],
): number {
  return allocatedBytes + inodes * inodeBytes + catalogBytes(config, files);
}

/** Returns the estimated charge before block tables and manifest are written. */
export function estimateCharge(config: SnapshotConfig, files: readonly SnapshotFile[]): number {
  let allocatedBytes = directoriesPerSnapshot * diskBlockBytes;
  for (const file of files) {
    const tableBytes = minTableBytes + file.allocatedBytes / dataPerTableByte;
    allocatedBytes += file.allocatedBytes + wholeBlocks(tableBytes);
  }
  const manifestBytes = manifestPerText * textBytes([JSON.stringify([config, files])]);
  allocatedBytes += wholeBlocks(manifestBytes);
  const inodes = directoriesPerSnapshot + 1 + 2 * files.length;
  return chargeOf({ allocatedBytes, inodes }, config, files);
}

/** Rounds up to whole blocks, because data occupies whole blocks wherever in a file it is. */
export function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / diskBlockBytes) * diskBlockBytes;
}
