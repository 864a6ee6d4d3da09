// Finds out how a stored file differs from another stored file of the same size, its parent: which
// ranges have other bytes, and which are holes here and data there.
//
// Blocks with equal digests are not read. Two blocks with different digests are read, compared with
// their digests, and then with each other, page by page. A range that is data here and a hole there
// counts as changed, even if it has only zeros.
import { createIntersection, endOf, type Extent, type Extents } from "../model/extent.js";
import { ExtentMap } from "../holes/extent-map.js";
import type { FilePiece } from "../holes/extents.js";
import { isZero, zeroBlockBytes } from "../holes/zero.js";
import { StoreError } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import type { FileHandle } from "node:fs/promises";
import { blocksAround, hasBytes, readBlock, type BlockIndex } from "./block-access.js";
import { verifyParts } from "./verified-read.js";

/** A stored file that is open for reading. */
export interface ComparedFile {
  readonly handle: FileHandle;
  readonly index: BlockIndex;
  /** The ranges with data. */
  readonly extents: Extents;
  /** Name of the file in messages. */
  readonly what: string;
  /** Called with the error if a read of this file fails. The error may show damage. */
  readonly onDamage: (error: unknown) => void;
}

/** The differences between a file and its parent. The caller disposes of `changed`. */
export interface FileChanges {
  /**
   * The ranges with other bytes than the parent, and those with data where the parent has a hole.
   */
  readonly changed: ExtentMap;
  /** The ranges that are holes in the file and data in the parent. */
  readonly holes: readonly Extent[];
}

/**
 * Compares two files of equal size whose blocks have the same size and algorithm. Returns undefined
 * if they differ in more than `maxHoles` holes or in more ranges than a map holds. Throws
 * STORED_DATA_CORRUPT if a block that is read does not have its digest.
 */
export async function compareFiles(
  file: ComparedFile,
  parent: ComparedFile,
  maxHoles: number,
  signal: AbortSignal,
): Promise<FileChanges | undefined> {
  const changed = new ExtentMap();
  const holes: Extent[] = [];
  let last: Extent | undefined;
  const add = (offset: number, length: number): void => {
    if (last !== undefined && endOf(last) === offset) {
      last = { offset: last.offset, length: last.length + length };
      return;
    }
    if (last !== undefined) changed.pushOrMerge(last.offset, last.length);
    last = { offset, length };
  };
  try {
    const compare = comparator(file, parent, add);
    for (const { kind, offset, length } of parts(file.extents, parent.extents)) {
      signal.throwIfAborted();
      if (kind === "data-here") add(offset, length);
      else if (kind === "data-there") addHole(holes, { offset, length });
      else await compare({ offset, length }, signal);
      if (holes.length > maxHoles || changed.filledHoles) break;
    }
    if (last !== undefined) changed.pushOrMerge(last.offset, last.length);
    if (holes.length <= maxHoles && !changed.filledHoles) return { changed, holes };
    changed[Symbol.dispose]();
    return undefined;
  } catch (error) {
    changed[Symbol.dispose]();
    throw error;
  }
}

function addHole(holes: Extent[], { offset, length }: Extent): void {
  const last = holes.at(-1);
  if (last === undefined || endOf(last) < offset) holes.push({ offset, length });
  else holes[holes.length - 1] = { offset: last.offset, length: last.length + length };
}

interface ComparedRange extends Extent {
  readonly kind: "data-here" | "data-there" | "data-in-both";
}

/** Yields the ranges that are data in at least one of the files, in ascending order. */
function* parts(
  here: Iterable<Extent>,
  there: Iterable<Extent>,
): Generator<ComparedRange, void, undefined> {
  const [a, b] = [cursorOver(here), cursorOver(there)];
  for (let at = Math.min(a.offset(), b.offset()); at < Infinity;) {
    const [inA, inB] = [a.offset() <= at, b.offset() <= at];
    const end = Math.min(a.edgeAfter(at), b.edgeAfter(at));
    const kind = inA && inB ? "data-in-both" : inA ? "data-here" : "data-there";
    if (inA || inB) yield { kind, offset: at, length: end - at };
    a.passUntil(end);
    b.passUntil(end);
    at = inA || inB ? end : Math.min(a.offset(), b.offset());
    if (a.offset() === Infinity && b.offset() === Infinity) return;
  }
}

/** Walks through extents. */
function cursorOver(extents: Iterable<Extent>) {
  const following = extents[Symbol.iterator]();
  let next = following.next();
  return {
    /** Returns the start of the current extent, or Infinity after the last one. */
    offset: (): number => (next.done === true ? Infinity : next.value.offset),
    /** Returns the first start or end of an extent after `at`. */
    edgeAfter: (at: number): number => {
      if (next.done === true) return Infinity;
      return next.value.offset > at ? next.value.offset : endOf(next.value);
    },
    /** Leaves the current extent if it ends at or before `at`. */
    passUntil: (at: number): void => {
      if (next.done !== true && endOf(next.value) <= at) next = following.next();
    },
  };
}

/**
 * Returns a function that calls `add` with the pages of a range that differ. Call it with ranges
 * that ascend.
 */
function comparator(
  file: ComparedFile,
  parent: ComparedFile,
  add: (offset: number, length: number) => void,
): (range: Extent, signal: AbortSignal) => Promise<void> {
  const { blockSizeBytes } = file.index.table;
  let read: { readonly block: number; readonly here: Buffer; readonly there: Buffer } | undefined;
  return async (range, signal) => {
    const last = Math.ceil(endOf(range) / blockSizeBytes);
    for (let block = Math.floor(range.offset / blockSizeBytes); block < last; block += 1) {
      if (isSame(file.index, parent.index, block)) continue;
      signal.throwIfAborted();
      if (read?.block !== block) {
        const [here, there] = await Promise.all([
          readIntact(file, block),
          readIntact(parent, block),
        ]);
        read = { block, here, there };
      }
      const start = block * blockSizeBytes;
      const { here, there } = read;
      const from = Math.max(range.offset - start, 0);
      comparePages(here, there, from, Math.min(endOf(range) - start, here.length), (at, length) => {
        add(start + at, length);
      });
    }
  };
}

/** Returns whether the digests show that both blocks have the same bytes. */
function isSame(a: BlockIndex, b: BlockIndex, block: number): boolean {
  const [one, two] = [a.digestOf(block), b.digestOf(block)];
  if (one === undefined || two === undefined) return one === two;
  return Buffer.compare(one, two) === 0;
}

function comparePages(
  here: Buffer,
  there: Buffer,
  from: number,
  end: number,
  onDifferent: (offset: number, length: number) => void,
): void {
  for (let at = from; at < end;) {
    const next = Math.min(at - (at % zeroBlockBytes) + zeroBlockBytes, end);
    if (here.compare(there, at, next, at, next) !== 0) onDifferent(at, next - at);
    at = next;
  }
}

async function readIntact(file: ComparedFile, block: number): Promise<Buffer> {
  const { handle, index, what, onDamage } = file;
  try {
    const bytes = await readBlock(handle, index, block, what);
    const isData = index.digestOf(block) !== undefined;
    if (isData ? await hasBytes(index, block, bytes) : isZero(bytes)) return bytes;
    const offset = block * index.table.blockSizeBytes;
    throw new StoreError(
      "STORED_DATA_CORRUPT",
      `${what}: the ${formatBytes(bytes.length)} at offset ${offset} are not what was stored`,
      {
        hint: "Run `stasis verify` to see all damaged ranges",
        metadata: { file: what, offset: String(offset), length: String(bytes.length) },
      },
    );
  } catch (error) {
    onDamage(error);
    throw error;
  }
}

/** Number of ranges after which a batch ends, at the next block. This bounds the memory. */
const rangesPerBatch = 4096;

/**
 * Yields the bytes of `changed`, which `compareFiles` found in `file`. Each block is compared with
 * its digest before any byte of it is returned.
 */
export async function* readChanged(
  { handle, index, extents, what, onDamage }: ComparedFile,
  changed: Iterable<Extent>,
  options: { readonly signal: AbortSignal },
): AsyncGenerator<FilePiece, void, undefined> {
  const within = createIntersection(extents);
  try {
    for (const wanted of batchesOf(changed, index.table.blockSizeBytes)) {
      const spans = blocksAround(wanted, index);
      const data = spans.flatMap((span) => [...within(span)]);
      const parts = { spans, extents: data, wanted };
      await using verified = verifyParts(handle, index, parts, { what, ...options });
      yield* verified.pieces();
    }
  } catch (error) {
    onDamage(error);
    throw error;
  }
}

/** Yields the ranges in batches. All ranges of a block are in one batch. */
function* batchesOf(
  ranges: Iterable<Extent>,
  blockSizeBytes: number,
): Generator<Extent[], void, undefined> {
  let batch: Extent[] = [];
  let end = 0;
  for (const range of ranges) {
    const isNewBlock = range.offset >= Math.ceil(end / blockSizeBytes) * blockSizeBytes;
    if (batch.length >= rangesPerBatch && isNewBlock) {
      yield batch;
      batch = [];
    }
    batch.push(range);
    end = endOf(range);
  }
  if (batch.length > 0) yield batch;
}
