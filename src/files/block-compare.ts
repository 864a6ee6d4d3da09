// Finds where the block tables of two files differ.
import type { Extent } from "../model/extent.js";
import { blockCount, digestAt, placedRuns, type BlockTable } from "./block-table.js";

/**
 * Returns the ranges whose content differs, in ascending order, with adjacent ranges merged. Both
 * tables must have the same file size, block size and algorithm.
 */
export function differingRanges(expected: BlockTable, actual: BlockTable): Extent[] {
  const { sizeBytes, blockSizeBytes } = expected;
  const left = blockDigests(expected);
  const right = blockDigests(actual);
  const ranges: { offset: number; length: number }[] = [];
  for (let block = 0; block < blockCount(sizeBytes, blockSizeBytes); block += 1) {
    if (sameContent(left.next().value, right.next().value)) continue;
    const offset = block * blockSizeBytes;
    const length = Math.min(blockSizeBytes, sizeBytes - offset);
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else ranges.push({ offset, length });
  }
  return ranges;
}

/** Yields the digest of each block in order, and undefined for a block that reads as zeros. */
function* blockDigests(table: BlockTable): Generator<Uint8Array | undefined, undefined> {
  for (const { kind, count, firstDigest } of placedRuns(table)) {
    for (let index = 0; index < count; index += 1) {
      yield kind === "data" ? digestAt(table, firstDigest + index) : undefined;
    }
  }
}

function sameContent(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
