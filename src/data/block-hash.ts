// Digests of a file's blocks, computed while its bytes pass by.
import type { WriteObserver } from "../sparse/sparse-writer.js";
import { isZero } from "../sparse/zero.js";
import { blockBytes, createBlockTableBuilder, type BlockTable } from "./block-table.js";
import { createSha256, updateBoth, type Sha256 } from "./sha256.js";

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
  /** Blocks whose bytes have all been seen, though not all hashed yet. */
  let ended: OpenBlock[] = [];
  let unhashed: PartToHash[] = [];

  const endBlock = (): void => {
    ended.push(block);
    block = createBlock();
  };
  /** Takes `bytes` into the current block. */
  const pass = (bytes: Uint8Array, allZero: boolean): void => {
    position += bytes.length;
    if (block.hash === undefined && allZero) {
      block.zeroBytes += bytes.length;
    } else {
      block.hash ??= begin(block.zeroBytes);
      unhashed.push({ hash: block.hash, bytes });
    }
    if (position % blockBytes === 0) endBlock();
  };
  /** Hashes what has been passed, while its memory is still there. */
  const settle = (): void => {
    hashInPairs(unhashed);
    unhashed = [];
    for (const { hash, written } of ended) {
      if (hash !== undefined) builder.addData(hash.digest());
      else builder.add(written ? "zero" : "hole", 1);
    }
    ended = [];
  };
  const skipTo = (target: number): void => {
    while (position < target) {
      const inside = position % blockBytes;
      if (inside === 0 && target - position >= blockBytes) {
        settle();
        const count = Math.floor((target - position) / blockBytes);
        builder.add("hole", count);
        position += count * blockBytes;
      } else {
        pass(zeros.subarray(0, Math.min(blockBytes - inside, target - position)), true);
      }
    }
    // The bytes that come next may be of the same block.
    settle();
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
        pass(part, block.hash === undefined && isZero(part));
        done += length;
      }
      settle();
    },
    finish: (sizeBytes) => {
      if (finished || sizeBytes < position) {
        throw new Error(`size ${sizeBytes} after byte ${position} was hashed`);
      }
      finished = true;
      skipTo(sizeBytes);
      if (position % blockBytes > 0) endBlock();
      settle();
      return builder.build(sizeBytes);
    },
  };
}

interface OpenBlock {
  /** Made when the first byte that is not zero comes: blocks of zeros need none. */
  hash: Sha256 | undefined;
  /** Zeros passed before the hash was made. */
  zeroBytes: number;
  /** Something was written into it, if only zeros. */
  written: boolean;
}

function createBlock(): OpenBlock {
  return { hash: undefined, zeroBytes: 0, written: false };
}

function begin(zeroBytes: number): Sha256 {
  const hash = createSha256();
  hash.update(zeros.subarray(0, zeroBytes));
  return hash;
}

interface PartToHash {
  readonly hash: Sha256;
  readonly bytes: Uint8Array;
}

/** Each of the parts belongs to another block. */
function hashInPairs(parts: readonly PartToHash[]): void {
  // Of an odd number the shorter end goes alone: pieces that cut blocks have short ends.
  const [first, last] = [parts[0], parts.at(-1)];
  const firstAlone =
    parts.length % 2 === 1 && first !== undefined && first.bytes.length < (last?.bytes.length ?? 0);
  if (firstAlone) first.hash.update(first.bytes);
  for (let index = firstAlone ? 1 : 0; index < parts.length; index += 2) {
    const [one, two] = [parts[index], parts[index + 1]];
    if (one !== undefined && two !== undefined) {
      updateBoth(one.hash, one.bytes, two.hash, two.bytes);
    } else {
      one?.hash.update(one.bytes);
    }
  }
}
