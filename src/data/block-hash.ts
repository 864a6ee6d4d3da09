// Digests of a file's blocks, computed while its bytes pass by.
import { createHash, type Hash } from "node:crypto";
import type { WriteObserver } from "../sparse/sparse-writer.js";
import { isZero } from "../sparse/zero.js";
import { blockBytes, createBlockTableBuilder, type BlockTable } from "./block-table.js";
import { sha256Pair } from "./sha256-pair.js";

const zeros = Buffer.alloc(blockBytes);

/**
 * Fed with pieces at ascending offsets; what is left out between them is a hole. A block's digest
 * is over its logical bytes, holes read as zeros, so it does not depend on how pieces were cut.
 */
export interface BlockHasher extends WriteObserver {
  update(offset: number, bytes: Uint8Array): void;
  /** Ends a file of `sizeBytes`, which is at or after the last byte that was fed. Only once. */
  finish(sizeBytes: number): BlockTable;
}

export function createBlockHasher(): BlockHasher {
  const builder = createBlockTableBuilder();
  let position = 0;
  let block = createBlock();
  let finished = false;

  /** Closes the current block, whose bytes up to `position` have been seen. */
  const closeBlock = (): void => {
    if (block.hash !== undefined) builder.addData(block.hash.digest());
    else builder.add(block.written ? "zero" : "hole", 1);
    block = createBlock();
  };
  const skipTo = (target: number): void => {
    while (position < target) {
      const inside = position % blockBytes;
      if (inside === 0 && !isOpen(block) && target - position >= blockBytes) {
        const count = Math.floor((target - position) / blockBytes);
        builder.add("hole", count);
        position += count * blockBytes;
        continue;
      }
      const length = Math.min(blockBytes - inside, target - position);
      pass(block, zeros.subarray(0, length), true);
      position += length;
      if (position % blockBytes === 0) closeBlock();
    }
  };
  /** Two blocks at once, if both are whole and hold data. */
  const passPair = (bytes: Uint8Array): boolean => {
    if (position % blockBytes > 0 || bytes.length < 2 * blockBytes) return false;
    const first = bytes.subarray(0, blockBytes);
    const second = bytes.subarray(blockBytes, 2 * blockBytes);
    if (isZero(first) || isZero(second)) return false;
    for (const digest of sha256Pair(first, second)) builder.addData(digest);
    return true;
  };
  return {
    update: (offset, bytes) => {
      if (finished || offset < position) {
        throw new Error(`piece at ${offset} after byte ${position} was hashed`);
      }
      skipTo(offset);
      for (let done = 0; done < bytes.length;) {
        if (passPair(bytes.subarray(done))) {
          done += 2 * blockBytes;
          position += 2 * blockBytes;
          continue;
        }
        const length = Math.min(blockBytes - (position % blockBytes), bytes.length - done);
        const part = bytes.subarray(done, done + length);
        block.written = true;
        pass(block, part, block.hash === undefined && isZero(part));
        done += length;
        position += length;
        if (position % blockBytes === 0) closeBlock();
      }
    },
    finish: (sizeBytes) => {
      if (finished || sizeBytes < position) {
        throw new Error(`size ${sizeBytes} after byte ${position} was hashed`);
      }
      finished = true;
      skipTo(sizeBytes);
      if (position % blockBytes > 0) closeBlock();
      return builder.build(sizeBytes);
    },
  };
}

interface OpenBlock {
  /** Made when the first byte that is not zero comes: blocks of zeros need none. */
  hash: Hash | undefined;
  /** Zeros passed before the hash was made. */
  zeroBytes: number;
  /** Something was written into it, if only zeros. */
  written: boolean;
}

function createBlock(): OpenBlock {
  return { hash: undefined, zeroBytes: 0, written: false };
}

function isOpen(block: OpenBlock): boolean {
  return block.written || block.zeroBytes > 0;
}

function pass(block: OpenBlock, bytes: Uint8Array, allZero: boolean): void {
  if (block.hash === undefined) {
    if (allZero) {
      block.zeroBytes += bytes.length;
      return;
    }
    block.hash = createHash("sha256");
    block.hash.update(zeros.subarray(0, block.zeroBytes));
  }
  block.hash.update(bytes);
}
