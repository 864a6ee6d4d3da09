// Gives access to single blocks of a file: to the digest in its table and to the bytes in the file.
import { webcrypto } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { readFully } from "../base/whole-io.js";
import { withIoError } from "../holes/errno.js";
import { endOf, type Extent } from "../model/extent.js";
import { digestBytes, digestOf } from "./block-digest.js";
import { placedRuns, type BlockTable } from "./block-table.js";

export interface BlockIndex {
  /** The properties of the table. The index may cover only a part of the table. */
  readonly table: Pick<BlockTable, "sizeBytes" | "blockSizeBytes" | "algorithm">;
  /**
   * Returns the digest of a block, or undefined if the block reads as zeros or is beyond the end.
   */
  digestOf(block: number): Uint8Array | undefined;
  /** Returns how many bytes of the block are inside the file. */
  lengthOf(block: number): number;
  /**
   * Yields the numbers of the blocks with data, in ascending order, from `first` to before `end`.
   * Holes take no time, however large they are. Default: all blocks.
   */
  dataBlocks(first?: number, end?: number): Generator<number, void, undefined>;
}

/** An index of a table that is in memory. */
export interface WholeIndex extends BlockIndex {
  readonly table: BlockTable;
  /**
   * Returns the position of the block among the blocks with data, counted from 0. Returns undefined
   * if the block has no digest.
   */
  positionOf(block: number): number | undefined;
}

export function indexBlocks(table: BlockTable): WholeIndex {
  const runs = [...placedRuns(table)].filter(({ kind }) => kind === "data");
  return { ...indexRuns(table, runs, table.digests), table };
}

/** A run of data, with the place of its first block's digest. */
export interface DataRun {
  readonly firstBlock: number;
  readonly count: number;
  readonly firstDigest: number;
}

/** Indexes some runs, which must be in ascending order. `digests` has the digests of these runs. */
export function indexRuns(
  table: BlockIndex["table"],
  runs: readonly DataRun[],
  digests: Uint8Array,
): BlockIndex & Pick<WholeIndex, "positionOf"> {
  /** Returns the index of the first run that ends after `block`. */
  const runAt = (block: number): number => {
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = runs[middle];
      if (run !== undefined && run.firstBlock + run.count <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const positionOf = (block: number): number | undefined => {
    const run = runs[runAt(block)];
    if (run === undefined || block < run.firstBlock) return undefined;
    return run.firstDigest + block - run.firstBlock;
  };
  return {
    table,
    positionOf,
    digestOf: (block) => {
      const position = positionOf(block);
      if (position === undefined) return undefined;
      return digests.subarray(position * digestBytes, (position + 1) * digestBytes);
    },
    lengthOf: (block) =>
      Math.max(0, Math.min(table.blockSizeBytes, table.sizeBytes - block * table.blockSizeBytes)),
    *dataBlocks(first = 0, end = Number.POSITIVE_INFINITY) {
      for (let at = runAt(first); at < runs.length; at += 1) {
        const { firstBlock = 0, count = 0 } = runs[at] ?? {};
        if (firstBlock >= end) return;
        const last = Math.min(firstBlock + count, end);
        for (let block = Math.max(firstBlock, first); block < last; block += 1) yield block;
      }
    },
  };
}

/** Returns an index without data, for blocks beyond the end of a file. */
export function noBlocks(table: BlockIndex["table"]): BlockIndex {
  return {
    table,
    digestOf: () => undefined,
    lengthOf: () => 0,
    *dataBlocks() {
      // There are no blocks.
    },
  };
}

function sameDigest(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

/**
 * Returns whether the block has data in both files and may have the same bytes there. If the tables
 * use different algorithms, only the bytes can decide.
 */
export function mayBeSame(a: BlockIndex, b: BlockIndex, block: number): boolean {
  const [one, two] = [a.digestOf(block), b.digestOf(block)];
  if (a.table.algorithm === b.table.algorithm) return sameDigest(one, two);
  return one !== undefined && two !== undefined;
}

/** Counts the blocks with data that have the same digest at the same place in both files. */
export function countSharedBlocks(a: BlockIndex, b: BlockIndex): number {
  let shared = 0;
  for (const block of a.dataBlocks()) {
    if (sameDigest(a.digestOf(block), b.digestOf(block))) shared += 1;
  }
  return shared;
}

/**
 * Returns whether `bytes` have the digest of the block. The result is false for a block without a
 * digest. SHA-256 is slow, so it runs in Node's thread pool, where several blocks are hashed at
 * once.
 */
export async function hasBytes(
  index: BlockIndex,
  block: number,
  bytes: Uint8Array,
): Promise<boolean> {
  const { algorithm } = index.table;
  const digest = index.digestOf(block);
  if (digest === undefined) return false;
  const found =
    algorithm === "sha256"
      ? new Uint8Array(await webcrypto.subtle.digest("SHA-256", bytes))
      : digestOf(algorithm, bytes);
  return Buffer.compare(found, digest) === 0;
}

/**
 * Reads one block into a new buffer. Throws STORED_DATA_CORRUPT if the file ends before the block
 * does.
 */
export async function readBlock(
  handle: FileHandle,
  index: BlockIndex,
  block: number,
  what: string,
): Promise<Buffer> {
  const start = block * index.table.blockSizeBytes;
  const bytes = Buffer.allocUnsafeSlow(index.lengthOf(block));
  const context = { what: `read block ${block}`, path: what };
  const done = await withIoError(context, () => readFully(handle, bytes, start));
  if (done < bytes.length) {
    throw new StoreError("STORED_DATA_CORRUPT", `${what} ends at byte ${start + done}`, {
      metadata: { file: what, offset: String(start + done) },
    });
  }
  return bytes;
}

/** Returns the blocks that the ranges touch, with adjacent blocks merged. */
export function blocksAround(ranges: readonly Extent[], { table }: BlockIndex): Extent[] {
  const { blockSizeBytes, sizeBytes } = table;
  const spans: Extent[] = [];
  for (const range of ranges) {
    const start = range.offset - (range.offset % blockSizeBytes);
    const blocks = Math.ceil(endOf(range) / blockSizeBytes);
    const end = Math.min(blocks * blockSizeBytes, sizeBytes);
    const last = spans.at(-1);
    if (last === undefined || endOf(last) < start)
      spans.push({ offset: start, length: end - start });
    else spans[spans.length - 1] = { offset: last.offset, length: end - last.offset };
  }
  return spans;
}
