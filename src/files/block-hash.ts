// Digests of a file's blocks, computed while its bytes pass by.
import type { WriteObserver } from "../holes/sparse-writer.js";
import { isZero } from "../holes/zero.js";
import { createBlockDigest, currentAlgorithm, type DigestAlgorithm } from "./block-digest.js";
import { blockBytes, createBlockTableBuilder, type BlockTable } from "./block-table.js";

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

export function createBlockHasher(algorithm: DigestAlgorithm = currentAlgorithm): BlockHasher {
  const builder = createBlockTableBuilder(algorithm);
  const digest = createBlockDigest(algorithm);
  let position = 0;
  let block = emptyBlock();
  let finished = false;

  const endBlock = (): void => {
    if (block.hashing) builder.addData(digest.take());
    else builder.add(block.written ? "zero" : "hole", 1);
    block = emptyBlock();
  };
  /** Takes `bytes` into the current block. */
  const pass = (bytes: Uint8Array, allZero: boolean): void => {
    position += bytes.length;
    if (!block.hashing && allZero) {
      block.zeroBytes += bytes.length;
    } else {
      if (!block.hashing) digest.update(zeros.subarray(0, block.zeroBytes));
      block.hashing = true;
      digest.update(bytes);
    }
    if (position % blockBytes === 0) endBlock();
  };
  const skipTo = (target: number): void => {
    while (position < target) {
      const inside = position % blockBytes;
      if (inside === 0 && target - position >= blockBytes) {
        const count = Math.floor((target - position) / blockBytes);
        builder.add("hole", count);
        position += count * blockBytes;
      } else {
        pass(zeros.subarray(0, Math.min(blockBytes - inside, target - position)), true);
      }
    }
  };
  return {
    update: (offset, bytes) => {
      if (finished || offset < position) {
        throw new Error(`piece at ${offset} after byte ${position} was hashed`);
      }
      skipTo(offset);
      for (let done = 0; done < bytes.length;) {
        const length = Math.min(blockBytes - (position % blockBytes), bytes.length - done);
        const part = bytes.subarray(done, done + length);
        block.written = true;
        pass(part, !block.hashing && isZero(part));
        done += length;
      }
    },
    finish: (sizeBytes) => {
      if (finished || sizeBytes < position) {
        throw new Error(`size ${sizeBytes} after byte ${position} was hashed`);
      }
      finished = true;
      skipTo(sizeBytes);
      if (position % blockBytes > 0) endBlock();
      return builder.build(sizeBytes);
    },
  };
}

interface OpenBlock {
  /** A byte that is not zero has come: blocks of zeros are not hashed. */
  hashing: boolean;
  /** Zeros before that. */
  zeroBytes: number;
  /** Something was written into it, if only zeros. */
  written: boolean;
}

function emptyBlock(): OpenBlock {
  return { hashing: false, zeroBytes: 0, written: false };
}
