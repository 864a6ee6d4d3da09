// Sparse maps: the rules that hold for every one of them, and cocoon's own notation of them.
import { totalLength, type Extent } from "../model/extent.js";
import { archiveInvalid } from "./archive-invalid.js";
import { limitExceeded } from "./limits.js";
import { parseDecimal } from "./pax.js";

export const cocoonMapKey = "COCOON.sparse.map";
export const cocoonSizeKey = "COCOON.sparse.size";

/** Longest map that is written: with it a PAX header stays below the 1 MiB that Go accepts. */
export const maxCocoonMapBytes = 800 * 1024;

/** A map that was read, checked by `finishSparseMap`. */
export interface SparseMap {
  /** Logical size of the file. */
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
}

/**
 * Checks a map before a byte is written with it: sorted, no overlap, inside the size, together as
 * long as the data that follows. Empty segments, by which GNU tar marks the end of a file, go.
 */
export function finishSparseMap(
  segments: readonly Extent[],
  sizeBytes: number,
  dataBytes: number,
  where: string,
): SparseMap {
  const problem = extentsProblem(segments, sizeBytes);
  if (problem !== undefined) throw archiveInvalid(`${where}: sparse map: ${problem}`);
  const sum = totalLength(segments);
  if (sum !== dataBytes) {
    throw archiveInvalid(
      `${where}: sparse map: its segments hold ${sum} bytes, but the entry holds ${dataBytes}`,
    );
  }
  return { sizeBytes, extents: segments.filter((segment) => segment.length > 0) };
}

/** What is wrong with the extents of a file of that size, or undefined. */
export function extentsProblem(extents: readonly Extent[], sizeBytes: number): string | undefined {
  let end = 0;
  for (const [index, extent] of extents.entries()) {
    if (extent.offset < end) {
      return `segment ${index} starts at ${extent.offset}, before the end of the one before it, ${end}`;
    }
    // Compared without adding: the sum of two safe integers may be none.
    if (extent.offset > sizeBytes || extent.length > sizeBytes - extent.offset) {
      return `segment ${index} (${extent.length} bytes at ${extent.offset}) goes beyond the size ${sizeBytes}`;
    }
    end = extent.offset + extent.length;
  }
  return undefined;
}

/** `[{"o":offset,"l":length},…]`, or undefined when it would be longer than is written. */
export function encodeCocoonMap(extents: readonly Extent[]): string | undefined {
  const shortest = '{"o":0,"l":1},'.length;
  if (extents.length * shortest > maxCocoonMapBytes) return undefined;
  const map = `[${extents.map(({ offset, length }) => `{"o":${offset},"l":${length}}`).join()}]`;
  return map.length > maxCocoonMapBytes ? undefined : map;
}

/** Reads the two records of an entry whose body has `dataBytes` bytes. */
export function decodeCocoonMap(
  map: string,
  size: string,
  dataBytes: number,
  maxSegments: number,
  where: string,
): SparseMap {
  const sizeBytes = parseDecimal(size);
  if (sizeBytes === undefined) {
    throw archiveInvalid(`${where}: ${cocoonSizeKey} is no number from 0 to 2^53 - 1`);
  }
  const segments = parseCocoonMap(map, where);
  if (segments.length > maxSegments) {
    throw limitExceeded("maxSegments", where, maxSegments, segments.length);
  }
  return finishSparseMap(segments, sizeBytes, dataBytes, where);
}

function parseCocoonMap(map: string, where: string): Extent[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(map);
  } catch (cause) {
    throw archiveInvalid(`${where}: ${cocoonMapKey} is no valid JSON`, { cause });
  }
  // Older cocoons wrote the empty map of a file that is one hole as Go's nil slice.
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw archiveInvalid(`${where}: ${cocoonMapKey} is no JSON array`);
  return parsed.map((segment: unknown, index) => {
    if (!isCocoonSegment(segment)) {
      throw archiveInvalid(
        `${where}: ${cocoonMapKey}: segment ${index}: expected {"o":offset,"l":length}, whole numbers from 0 to 2^53 - 1`,
      );
    }
    // JSON has a -0.
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
