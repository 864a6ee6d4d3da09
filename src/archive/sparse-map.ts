// Defines the rules for sparse maps in all notations, and reads and writes cocoon's own notation.
import type { Extent, Extents } from "../model/extent.js";
import { ExtentMap } from "../holes/extent-map.js";
import { fewerExtents } from "../holes/fewer-extents.js";
import { archiveInvalid } from "./archive-invalid.js";
import { limitExceeded } from "./limits.js";
import { parseDecimal } from "./pax.js";

export const cocoonMapKey = "COCOON.sparse.map";
export const cocoonSizeKey = "COCOON.sparse.size";

/**
 * Longest map that we write in cocoon's notation, in bytes. This limit keeps the PAX header below
 * the 1 MiB that Go accepts.
 */
export const maxCocoonMapBytes = 800 * 1024;

/** A sparse map that was read and checked. */
export interface SparseMap {
  /** Logical size of the file. */
  readonly sizeBytes: number;
  /** The caller disposes of the extents when it no longer uses the file. */
  readonly extents: ExtentMap;
}

export interface MapSource {
  /** The text that identifies the entry in messages. */
  readonly where: string;
  readonly maxSegments: number;
}

/**
 * Collects the segments of a map. Before any byte is written, it checks that the segments are
 * sorted, do not overlap and lie inside the size. It ignores empty segments, with which GNU tar
 * marks the end of a file.
 */
export class SparseMapReader {
  readonly #sizeBytes: number;
  readonly #source: MapSource;
  readonly #extents = new ExtentMap();
  #index = 0;
  #end = 0;
  #dataBytes = 0;

  constructor(sizeBytes: number, source: MapSource) {
    this.#sizeBytes = sizeBytes;
    this.#source = source;
  }

  /** Returns the number of segments, including empty ones. */
  get count(): number {
    return this.#index;
  }

  add(offset: number, length: number): void {
    const { where, maxSegments } = this.#source;
    if (this.#index >= maxSegments) {
      throw limitExceeded("maxSegments", where, maxSegments, this.#index + 1);
    }
    const problem = segmentProblem(this.#index, { offset, length }, this.#end, this.#sizeBytes);
    if (problem !== undefined) throw archiveInvalid(`${where}: sparse map: ${problem}`);
    if (length > 0) this.#extents.push(offset, length);
    this.#index += 1;
    this.#end = offset + length;
    this.#dataBytes += length;
  }

  /**
   * Ends the map. Throws unless the segments together have `dataBytes` bytes, which the body of the
   * entry contains.
   */
  finish(dataBytes: number): SparseMap {
    if (this.#dataBytes !== dataBytes) {
      throw archiveInvalid(
        `${this.#source.where}: sparse map: its segments hold ${this.#dataBytes} bytes, but the entry holds ${dataBytes}`,
      );
    }
    return { sizeBytes: this.#sizeBytes, extents: this.#extents };
  }

  /** Frees the memory of an unfinished map. */
  giveUp(): void {
    this.#extents[Symbol.dispose]();
  }
}

/**
 * Describes the first invalid extent for a file of that size. Returns undefined if all are valid.
 */
export function extentsProblem(extents: Extents, sizeBytes: number): string | undefined {
  let end = 0;
  let index = 0;
  for (const extent of extents) {
    const problem = segmentProblem(index, extent, end, sizeBytes);
    if (problem !== undefined) return problem;
    end = extent.offset + extent.length;
    index += 1;
  }
  return undefined;
}

function segmentProblem(
  index: number,
  { offset, length }: Extent,
  end: number,
  sizeBytes: number,
): string | undefined {
  if (offset < end) {
    return `segment ${index} starts at ${offset}, before the end of the one before it, ${end}`;
  }
  // We subtract because the sum of two safe integers may not be a safe integer.
  if (offset > sizeBytes || length > sizeBytes - offset) {
    return `segment ${index} (${length} bytes at ${offset}) goes beyond the size ${sizeBytes}`;
  }
  return undefined;
}

/** Returns the number of decimal digits of a non-negative integer. */
export function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits += 1;
  return digits;
}

/** The length of `{"o":,"l":},` in bytes. */
const cocoonSegmentBytes = 12;

/**
 * Returns extents that cocoon's notation can express. If the file's map is too long, the smallest
 * holes become data.
 */
export function cocoonExtents(extents: Extents, sizeBytes: number): Extents {
  let bytes = 1;
  for (const { offset, length } of extents) {
    bytes += cocoonSegmentBytes + digitsOf(offset) + digitsOf(length);
    if (bytes <= maxCocoonMapBytes) continue;
    const longestSegment = cocoonSegmentBytes + 2 * digitsOf(sizeBytes);
    return [...fewerExtents(extents, Math.floor((maxCocoonMapBytes - 1) / longestSegment))];
  }
  return extents;
}

/** Returns the text `[{"o":offset,"l":length},…]`. */
export function encodeCocoonMap(extents: Iterable<Extent>): string {
  const segments: string[] = [];
  for (const { offset, length } of extents) segments.push(`{"o":${offset},"l":${length}}`);
  return `[${segments.join()}]`;
}

/**
 * Decodes the map and the size from the two PAX records of a cocoon entry. `dataBytes` is the
 * number of bytes in the entry's body.
 */
export function decodeCocoonMap(
  map: string,
  size: string,
  dataBytes: number,
  source: MapSource,
): SparseMap {
  const { where } = source;
  const sizeBytes = parseDecimal(size);
  if (sizeBytes === undefined) {
    throw archiveInvalid(`${where}: ${cocoonSizeKey} is not a number from 0 to 2^53 - 1`);
  }
  // The maximum size of a PAX header bounds the number of segments that are parsed here.
  const segments = parseCocoonMap(map, where);
  if (segments.length > source.maxSegments) {
    throw limitExceeded("maxSegments", where, source.maxSegments, segments.length);
  }
  const reader = new SparseMapReader(sizeBytes, source);
  try {
    for (const { offset, length } of segments) reader.add(offset, length);
    return reader.finish(dataBytes);
  } catch (error) {
    reader.giveUp();
    throw error;
  }
}

function parseCocoonMap(map: string, where: string): Extent[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(map);
  } catch (cause) {
    throw archiveInvalid(`${where}: ${cocoonMapKey} is not valid JSON`, { cause });
  }
  // For a file that is a single hole, older versions of cocoon wrote `null`, which is Go's nil
  // slice.
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw archiveInvalid(`${where}: ${cocoonMapKey} is not a JSON array`);
  return parsed.map((segment: unknown, index) => {
    if (!isCocoonSegment(segment)) {
      throw archiveInvalid(
        `${where}: ${cocoonMapKey}: segment ${index}: expected {"o":offset,"l":length}, whole numbers from 0 to 2^53 - 1`,
      );
    }
    // JSON allows -0, which the addition turns into 0.
    return { offset: segment.o + 0, length: segment.l + 0 };
  });
}

function isCocoonSegment(value: unknown): value is { o: number; l: number } {
  if (typeof value !== "object" || value === null) return false;
  const { o, l } = value as Record<"o" | "l", unknown>;
  return Object.keys(value).length === 2 && isOffset(o) && isOffset(l);
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
