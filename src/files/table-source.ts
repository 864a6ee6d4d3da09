// Gives access to a block table window by window, so that the table of a file of any size takes a
// bounded amount of memory. A small table is in memory as a whole, and a large one stays in its
// file.
import { indexBlocks, type BlockIndex } from "./block-access.js";
import { blockCount, type BlockTable } from "./block-table.js";

/** Blocks of a window: 4 GiB of a file. Their part of a table has at most 655,400 bytes. */
export const windowBlocks = 16_384;

/** Larger tables stay in their files. A table of this size has the digests of 8 GiB of data. */
export const maxTableInMemory = 1024 * 1024;

export type TableShape = BlockIndex["table"];

export interface TableSource {
  readonly shape: TableShape;
  /** Bytes of the blocks with data. 0 if the table is in a file and was not checked. */
  readonly dataBytes: number;
  /** Number of windows. An empty file has no window. */
  readonly windows: number;
  /** Returns the blocks of one window. The caller must await each call before the next one. */
  window(number: number): Promise<BlockIndex>;
  /** Reads the whole table into memory. */
  whole(): Promise<BlockTable>;
}

export function windowCount({ sizeBytes, blockSizeBytes }: TableShape): number {
  return Math.ceil(blockCount(sizeBytes, blockSizeBytes) / windowBlocks);
}

export function tableInMemory(table: BlockTable): TableSource {
  const index = indexBlocks(table);
  let dataBytes = 0;
  for (const block of index.dataBlocks()) dataBytes += index.lengthOf(block);
  return {
    shape: table,
    dataBytes,
    windows: windowCount(table),
    window: (number) => {
      const first = number * windowBlocks;
      const end = first + windowBlocks;
      return Promise.resolve({
        ...index,
        digestOf: (block) => (block < first || block >= end ? undefined : index.digestOf(block)),
        dataBlocks: () => index.dataBlocks(first, end),
      });
    },
    whole: () => Promise.resolve(table),
  };
}

/**
 * Returns a function that finds the window of a block. It keeps one window in memory, so callers
 * should ask for blocks in ascending order.
 */
export function tableCursor(source: TableSource): (block: number) => Promise<BlockIndex> {
  let held: { readonly number: number; readonly index: BlockIndex } | undefined;
  return async (block) => {
    const number = Math.floor(block / windowBlocks);
    if (held?.number !== number) held = { number, index: await source.window(number) };
    return held.index;
  };
}
