// Describes the content of a file block by block: runs of holes, zeros and data, and one digest for
// each data block. The root digest identifies the content, wherever its holes are.
import { createHash } from "node:crypto";
import { asBuffer } from "../holes/zero.js";
import { digestBytes, digestOf, type DigestAlgorithm } from "./block-digest.js";

/** Bytes of a block; the last one of a file may be shorter. */
export const blockBytes = 256 * 1024;

/**
 * hole  nothing was ever written there
 * zero  written, but only with zeros
 * data  holds at least one byte that is not zero; has a digest
 */
export type BlockKind = "hole" | "zero" | "data";

export interface BlockRun {
  readonly kind: BlockKind;
  /** Number of blocks, above 0. */
  readonly count: number;
}

export interface BlockTable {
  /** Logical size of the file. */
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  /** The runs cover the whole file. Neighbours differ in kind. */
  readonly runs: readonly BlockRun[];
  readonly algorithm: DigestAlgorithm;
  /**
   * The digests of the data blocks in order. Each covers the bytes of its block inside the file.
   */
  readonly digests: Uint8Array;
}

/** Returns the number of blocks of a file of this size. */
export function blockCount(sizeBytes: number, blockSizeBytes: number = blockBytes): number {
  return Math.ceil(sizeBytes / blockSizeBytes);
}

/** A run of blocks with its place in the file and in the digests. */
interface PlacedRun extends BlockRun {
  /** Index of the run's first block. */
  readonly firstBlock: number;
  /** Index of the first block's digest. Only valid for runs of data. */
  readonly firstDigest: number;
}

export function* placedRuns(table: BlockTable): Generator<PlacedRun, void, undefined> {
  let firstBlock = 0;
  let firstDigest = 0;
  for (const run of table.runs) {
    yield { ...run, firstBlock, firstDigest };
    firstBlock += run.count;
    if (run.kind === "data") firstDigest += run.count;
  }
}

/** Returns the digests of `count` data blocks from the one at `index` on, as a view. */
export function digestAt(table: BlockTable, index: number, count = 1): Uint8Array {
  return table.digests.subarray(index * digestBytes, (index + count) * digestBytes);
}

/**
 * Returns a function that tells whether digests of a table contain the digest of a block of zeros,
 * which must not count as data. The table must have blocks of `blockBytes`. Another block size may
 * come from a hostile peer, so this function never allocates a block of that size.
 */
export function zerosFinder({
  algorithm,
  sizeBytes,
}: Pick<BlockTable, "algorithm" | "sizeBytes">): (digests: Uint8Array) => boolean {
  const zeros = [blockBytes, sizeBytes % blockBytes].map((length) =>
    digestOf(algorithm, Buffer.alloc(length)),
  );
  return (digests) => {
    const bytes = asBuffer(digests);
    return zeros.some((zero) => {
      let at = bytes.indexOf(zero);
      while (at >= 0 && at % digestBytes !== 0) at = bytes.indexOf(zero, at + 1);
      return at >= 0;
    });
  };
}

/**
 * The domains of the root digest. Both have the same length, so that all fields after them stay at
 * the same offsets.
 */
const rootDomains = { sha256: "stasis-file-v1\0", blake3: "stasis-file-v2\0" } as const;

/**
 * Returns the root digest: `sha256:<hex>` over the 15 bytes `stasis-file-v2\0` (`stasis-file-v1\0`
 * if the block digests are SHA-256); the logical size, u64; the block size, u32; then one record
 * for each longest run of blocks that are all empty (hole or zero) or all data. A record has one
 * byte, 0 for empty or 1 for data; the number of blocks, u64; and for data their digests. Integers
 * are little-endian. Files with equal bytes that were hashed with one algorithm therefore have
 * equal roots. Files that differ in bytes or size never have equal roots.
 */
export function rootDigest(table: BlockTable): string {
  const hash = createHash("sha256").update(rootHead(table));
  for (const run of contentRuns(table)) {
    hash.update(rootRecord(run));
    if (run.kind !== "data") continue;
    const start = run.firstDigest * digestBytes;
    hash.update(table.digests.subarray(start, start + run.count * digestBytes));
  }
  return `sha256:${hash.digest("hex")}`;
}

/** Returns the bytes that the root digest covers before the runs. */
export function rootHead({
  algorithm,
  sizeBytes,
  blockSizeBytes,
}: Pick<BlockTable, "algorithm" | "sizeBytes" | "blockSizeBytes">): Buffer {
  const domain = rootDomains[algorithm];
  const head = Buffer.alloc(domain.length + 12);
  head.write(domain, "latin1");
  head.writeBigUInt64LE(BigInt(sizeBytes), domain.length);
  head.writeUInt32LE(blockSizeBytes, domain.length + 8);
  return head;
}

/** Returns the bytes that the root digest covers for a longest run, before its block digests. */
export function rootRecord({ kind, count }: BlockRun): Buffer {
  const record = Buffer.alloc(9);
  record.writeUInt8(kind === "data" ? 1 : 0);
  record.writeBigUInt64LE(BigInt(count), 1);
  return record;
}

/** Yields the runs, in which holes and zeros count as one kind, "hole". */
function* contentRuns(table: BlockTable): Generator<PlacedRun, void, undefined> {
  let empty: PlacedRun | undefined;
  for (const run of placedRuns(table)) {
    if (run.kind !== "data") {
      empty = { ...(empty ?? run), kind: "hole", count: (empty?.count ?? 0) + run.count };
      continue;
    }
    if (empty !== undefined) yield empty;
    empty = undefined;
    yield run;
  }
  if (empty !== undefined) yield empty;
}

export interface BlockTableBuilder {
  add(kind: "hole" | "zero", count: number): void;
  /** Adds one data block for each of these digests. */
  addData(digests: Uint8Array): void;
  build(sizeBytes: number): BlockTable;
}

/** Returns a builder that collects blocks in order and merges adjacent blocks of one kind. */
export function createBlockTableBuilder(algorithm: DigestAlgorithm): BlockTableBuilder {
  const runs: { kind: BlockKind; count: number }[] = [];
  let digests = Buffer.alloc(0);
  let used = 0;
  const append = (kind: BlockKind, count: number): void => {
    const last = runs.at(-1);
    if (last?.kind === kind) last.count += count;
    else if (count > 0) runs.push({ kind, count });
  };
  return {
    add: append,
    addData: (added) => {
      const needed = used + added.length;
      if (needed > digests.length) {
        digests = Buffer.concat([digests], Math.max(digests.length * 2, 64 * digestBytes, needed));
      }
      digests.set(added, used);
      used = needed;
      append("data", added.length / digestBytes);
    },
    build: (sizeBytes) => ({
      sizeBytes,
      blockSizeBytes: blockBytes,
      runs,
      algorithm,
      digests: digests.subarray(0, used),
    }),
  };
}
