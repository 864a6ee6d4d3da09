// Computes the digests of a file that was made from another one, its base, by writing over parts of
// it. Only the blocks that were written to are hashed.
//
// Ranges that become holes count as written with zeros.
//
// Invariants:
// - A block that nothing was written to keeps its digest from the base, and is not read.
// - A block that was written to in part is read from the base and compared with its digest there
//   before its new digest is computed. Bytes that nobody has compared never get a new digest,
//   because that would make damage of the base look like content.
import { readFullySync } from "../base/whole-io.js";
import type { WriteObserver } from "../holes/sparse-writer.js";
import { isZero } from "../holes/zero.js";
import { endOf, type Extent } from "../model/extent.js";
import { indexBlocks, type BlockIndex } from "./block-access.js";
import { digestOf } from "./block-digest.js";
import { createBlockTableBuilder, digestAt, placedRuns, type BlockTable } from "./block-table.js";

interface DeltaBase {
  /** A descriptor that is open for reading the base. */
  readonly fd: number;
  readonly table: BlockTable;
  /**
   * Ranges that become holes. They ascend, end inside the file, and nothing is written to them.
   * Default: none.
   */
  readonly holes?: readonly Extent[] | undefined;
}

/** The reason why the digests could not be computed. */
export type BaseProblem =
  /** These bytes of the base do not match their digest. */
  | { readonly kind: "damaged"; readonly offset: number; readonly length: number }
  /** A read of the base failed. */
  | { readonly kind: "unread"; readonly error: unknown };

interface DeltaDigests {
  /** The table has no meaning if there is a problem. */
  readonly table: BlockTable;
  readonly problem: BaseProblem | undefined;
}

/** Takes the written pieces at ascending offsets. Ranges that are left out are unchanged. */
interface DeltaHasher extends WriteObserver {
  /** Never throws because of the base: `finish` returns the first problem. */
  update(offset: number, bytes: Uint8Array): void;
  /** Returns the digests. Call this once, after the last piece. */
  finish(): DeltaDigests;
}

/** Creates a hasher that reads the base synchronously, in the calling thread. */
export function createDeltaHasher(base: DeltaBase): DeltaHasher {
  return new BaseHasher(base);
}

/** A range of the current block that was written to. */
interface Covered {
  readonly start: number;
  end: number;
}

class BaseHasher implements DeltaHasher {
  readonly #fd: number;
  readonly #index: BlockIndex;
  readonly #blocks: BlockCopier;
  readonly #blockBytes: number;
  /** Holds the bytes that were written to the current block, at their offsets in the block. */
  readonly #written: Buffer;
  readonly #read: Buffer;
  readonly #holes: Iterator<Extent>;
  /** The next hole, or the rest of it after the blocks that have ended. */
  #hole: Extent | undefined;
  #covered: Covered[] = [];
  #block = -1;
  #position = 0;
  #problem: BaseProblem | undefined;

  constructor({ fd, table, holes = [] }: DeltaBase) {
    this.#fd = fd;
    this.#holes = holes[Symbol.iterator]();
    this.#hole = nextOf(this.#holes);
    this.#index = indexBlocks(table);
    this.#blocks = copyBlocks(table);
    this.#blockBytes = table.blockSizeBytes;
    this.#written = Buffer.allocUnsafeSlow(table.blockSizeBytes);
    this.#read = Buffer.allocUnsafeSlow(table.blockSizeBytes);
  }

  update(offset: number, bytes: Uint8Array): void {
    if (offset < this.#position) {
      throw new Error(`piece at ${offset} after byte ${this.#position} was hashed`);
    }
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const block = Math.floor(at / this.#blockBytes);
      if (block !== this.#block) this.#begin(block);
      const start = at - block * this.#blockBytes;
      const length = Math.min(this.#blockBytes - start, bytes.length - done);
      this.#coverHoles(at);
      this.#written.set(bytes.subarray(done, done + length), start);
      this.#cover(start, start + length);
      done += length;
    }
    this.#position = offset + bytes.length;
  }

  finish(): DeltaDigests {
    this.#end();
    this.#passHoles(Infinity);
    return { table: this.#blocks.finish(), problem: this.#problem };
  }

  #begin(block: number): void {
    this.#end();
    this.#passHoles(block);
    this.#block = block;
    this.#covered = [];
  }

  /** Ends the blocks before `end` that nothing was written to and that have holes. */
  #passHoles(end: number): void {
    for (let hole = this.#hole; hole !== undefined; hole = this.#hole) {
      const block = Math.floor(hole.offset / this.#blockBytes);
      if (block >= end) return;
      const whole = this.#wholeBlocks(hole, block, end);
      if (whole > 0) {
        if (this.#problem === undefined) this.#blocks.clear(block, whole);
        this.#passUntil((block + whole) * this.#blockBytes);
        continue;
      }
      this.#block = block;
      this.#covered = [];
      this.#end();
    }
  }

  /** Returns the number of blocks from `block` to before `end` that the hole covers whole. */
  #wholeBlocks(hole: Extent, block: number, end: number): number {
    if (hole.offset > block * this.#blockBytes) return 0;
    const { sizeBytes } = this.#index.table;
    const blocks = endOf(hole) === sizeBytes ? Math.ceil : Math.floor;
    return Math.min(blocks(endOf(hole) / this.#blockBytes), end) - block;
  }

  /** Covers the holes of the current block that begin before `end`. */
  #coverHoles(end: number): void {
    const first = this.#block * this.#blockBytes;
    const last = Math.min(end, first + this.#blockBytes);
    for (let hole = this.#hole; hole !== undefined && hole.offset < last; hole = this.#hole) {
      const start = hole.offset - first;
      const stop = Math.min(endOf(hole) - first, this.#blockBytes);
      this.#written.fill(0, start, stop);
      this.#cover(start, stop);
      this.#passUntil(first + stop);
    }
  }

  /** Forgets the holes up to `offset`, which is in the current hole or at its end. */
  #passUntil(offset: number): void {
    const hole = this.#hole;
    if (hole === undefined) return;
    const left = endOf(hole) - offset;
    this.#hole = left > 0 ? { offset, length: left } : nextOf(this.#holes);
  }

  #cover(start: number, end: number): void {
    const last = this.#covered.at(-1);
    if (last?.end === start) last.end = end;
    else this.#covered.push({ start, end });
  }

  #end(): void {
    if (this.#block < 0) return;
    this.#coverHoles(Infinity);
    if (this.#problem !== undefined) return;
    const bytes = this.#content();
    if (bytes !== undefined) this.#blocks.replace(this.#block, bytes);
    this.#block = -1;
  }

  /** Returns the current content of the block, or undefined if there is a problem. */
  #content(): Buffer | undefined {
    const length = this.#index.lengthOf(this.#block);
    const [first] = this.#covered;
    if (first?.start === 0 && first.end === length) return this.#written.subarray(0, length);
    const bytes = this.#read.subarray(0, length);
    this.#problem = this.#compareBase(bytes);
    if (this.#problem !== undefined) return undefined;
    for (const { start, end } of this.#covered)
      bytes.set(this.#written.subarray(start, end), start);
    return bytes;
  }

  /** Reads the current block of the base into `bytes` and compares it with its digest. */
  #compareBase(bytes: Buffer): BaseProblem | undefined {
    const offset = this.#block * this.#blockBytes;
    const damaged: BaseProblem = { kind: "damaged", offset, length: bytes.length };
    try {
      if (readFullySync(this.#fd, bytes, offset) < bytes.length) return damaged;
    } catch (error) {
      return { kind: "unread", error };
    }
    const digest = this.#index.digestOf(this.#block);
    const intact =
      digest === undefined
        ? isZero(bytes)
        : digestOf(this.#index.table.algorithm, bytes).equals(digest);
    return intact ? undefined : damaged;
  }
}

function nextOf(holes: Iterator<Extent>): Extent | undefined {
  const next = holes.next();
  return next.done === true ? undefined : next.value;
}

/** Makes a table from another table. Blocks are replaced in ascending order. */
interface BlockCopier {
  replace(block: number, bytes: Buffer): void;
  /** Replaces `count` blocks by holes. */
  clear(block: number, count: number): void;
  finish(): BlockTable;
}

function copyBlocks(table: BlockTable): BlockCopier {
  const { algorithm, sizeBytes, blockSizeBytes } = table;
  const builder = createBlockTableBuilder(algorithm);
  const runs = placedRuns(table);
  let run = runs.next();
  let next = 0;
  const copyUntil = (end: number): void => {
    while (next < end && run.done !== true) {
      const { kind, count, firstBlock, firstDigest } = run.value;
      const runEnd = firstBlock + count;
      const stop = Math.min(end, runEnd);
      if (stop > next) {
        const first = firstDigest + next - firstBlock;
        if (kind === "data") builder.addData(digestAt(table, first, stop - next));
        else builder.add(kind, stop - next);
        next = stop;
      }
      if (runEnd <= next) run = runs.next();
    }
  };
  return {
    replace: (block, bytes) => {
      copyUntil(block);
      if (isZero(bytes)) builder.add("zero", 1);
      else builder.addData(digestOf(algorithm, bytes));
      next = block + 1;
    },
    clear: (block, count) => {
      copyUntil(block);
      builder.add("hole", count);
      next = block + count;
    },
    finish: () => {
      copyUntil(Infinity);
      return { ...builder.build(sizeBytes), blockSizeBytes };
    },
  };
}
