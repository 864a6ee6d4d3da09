// Computes the digests of a file's blocks while its bytes are being written.
import type { WriteObserver } from "../holes/sparse-writer.js";
import { isZero } from "../holes/zero.js";
import {
  createBlockDigest,
  currentAlgorithm,
  type BlockDigest,
  type DigestAlgorithm,
} from "./block-digest.js";
import {
  blockBytes,
  createBlockTableBuilder,
  type BlockTable,
  type BlockTableBuilder,
} from "./block-table.js";

const zeros = Buffer.alloc(blockBytes);

/**
 * Takes pieces at ascending offsets; a range that is left out is a hole. The digest of a block
 * covers its logical bytes, with holes read as zeros, so it does not depend on the cuts between
 * pieces.
 */
interface BlockHasher extends WriteObserver {
  update(offset: number, bytes: Uint8Array): void;
  /**
   * Ends a file of `sizeBytes` bytes, which must not be less than the end of the last piece. Call
   * this once.
   */
  finish(sizeBytes: number): BlockTable;
}

export function createBlockHasher(algorithm: DigestAlgorithm = currentAlgorithm): BlockHasher {
  return new Hasher(algorithm);
}

class Hasher implements BlockHasher {
  readonly #builder: BlockTableBuilder;
  readonly #digest: BlockDigest;
  /** Everything before this offset is in the builder or in the current block. */
  #position = 0;
  #block = emptyBlock();
  #finished = false;

  constructor(algorithm: DigestAlgorithm) {
    this.#builder = createBlockTableBuilder(algorithm);
    this.#digest = createBlockDigest(algorithm);
  }

  update(offset: number, bytes: Uint8Array): void {
    if (this.#finished || offset < this.#position) {
      throw new Error(`piece at ${offset} after byte ${this.#position} was hashed`);
    }
    this.#skipTo(offset);
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(blockBytes - (this.#position % blockBytes), bytes.length - done);
      const part = bytes.subarray(done, done + length);
      this.#block.written = true;
      this.#pass(part, !this.#block.hashing && isZero(part));
      done += length;
    }
  }

  finish(sizeBytes: number): BlockTable {
    if (this.#finished || sizeBytes < this.#position) {
      throw new Error(`size ${sizeBytes} after byte ${this.#position} was hashed`);
    }
    this.#finished = true;
    this.#skipTo(sizeBytes);
    if (this.#position % blockBytes > 0) this.#endBlock();
    return this.#builder.build(sizeBytes);
  }

  /** Adds `bytes` to the current block. They must not extend beyond its end. */
  #pass(bytes: Uint8Array, allZero: boolean): void {
    const block = this.#block;
    this.#position += bytes.length;
    if (!block.hashing && allZero) {
      block.zeroBytes += bytes.length;
    } else {
      if (!block.hashing) this.#digest.update(zeros.subarray(0, block.zeroBytes));
      block.hashing = true;
      this.#digest.update(bytes);
    }
    if (this.#position % blockBytes === 0) this.#endBlock();
  }

  #endBlock(): void {
    if (this.#block.hashing) this.#builder.addData(this.#digest.take());
    else this.#builder.add(this.#block.written ? "zero" : "hole", 1);
    this.#block = emptyBlock();
  }

  /** Skips a hole that ends at `target`. */
  #skipTo(target: number): void {
    while (this.#position < target) {
      const inside = this.#position % blockBytes;
      const left = target - this.#position;
      if (inside === 0 && left >= blockBytes) {
        const count = Math.floor(left / blockBytes);
        this.#builder.add("hole", count);
        this.#position += count * blockBytes;
      } else {
        this.#pass(zeros.subarray(0, Math.min(blockBytes - inside, left)), true);
      }
    }
  }
}

interface OpenBlock {
  /** True if the block has a byte other than zero. Blocks of zeros are not hashed. */
  hashing: boolean;
  /** Number of zero bytes that were added before that byte's piece. */
  zeroBytes: number;
  /** True if something was written into the block, even if only zeros. */
  written: boolean;
}

function emptyBlock(): OpenBlock {
  return { hashing: false, zeroBytes: 0, written: false };
}
