// Defines an extent: a run of bytes in a file that contains data. The ranges between extents are
// holes.

export interface Extent {
  /** Offset of the first byte from the start of the file. */
  readonly offset: number;
  /** Number of bytes, above 0. */
  readonly length: number;
}

/** The extents of a file in ascending order: an array, or a map that needs less memory. */
export interface Extents extends Iterable<Extent> {
  readonly length: number;
  at(index: number): Extent | undefined;
}

/** Returns the offset of the first byte after an extent. */
export function endOf({ offset, length }: Extent): number {
  return offset + length;
}

/** Returns the number of bytes in all extents together. */
export function totalLength(extents: Iterable<Extent>): number {
  let total = 0;
  for (const { length } of extents) total += length;
  return total;
}

/**
 * Returns the ranges that `a` and `b` have in common. The result computes them again each time it
 * is iterated. `a` and `b` must ascend.
 */
export function commonParts(a: Iterable<Extent>, b: Iterable<Extent>): Iterable<Extent> {
  return {
    *[Symbol.iterator]() {
      const inCommon = createIntersection(b);
      for (const part of a) yield* inCommon(part);
    },
  };
}

/**
 * Returns a function that yields the parts of its argument that are in `extents`. Call it with
 * ranges that ascend, as `extents` do.
 */
export function createIntersection(
  extents: Iterable<Extent>,
): (part: Extent) => Generator<Extent, void, undefined> {
  const following = extents[Symbol.iterator]();
  let next = following.next();
  return function* (part) {
    while (next.done !== true && next.value.offset < endOf(part)) {
      const { value } = next;
      const offset = Math.max(value.offset, part.offset);
      const end = Math.min(endOf(value), endOf(part));
      if (end > offset) yield { offset, length: end - offset };
      // If this extent ends after the part, the rest of it may be in the next part.
      if (endOf(value) > endOf(part)) return;
      next = following.next();
    }
  };
}

/**
 * Yields the bytes of `ranges` that are in none of `parts`. Both must ascend, and each part must be
 * inside one range.
 */
export function* partsBetween(
  ranges: Iterable<Extent>,
  parts: Iterable<Extent>,
): Generator<Extent, void, undefined> {
  const following = parts[Symbol.iterator]();
  let next = following.next();
  for (const range of ranges) {
    let { offset } = range;
    while (next.done !== true && next.value.offset < endOf(range)) {
      const { value } = next;
      if (value.offset > offset) yield { offset, length: value.offset - offset };
      offset = endOf(value);
      next = following.next();
    }
    if (offset < endOf(range)) yield { offset, length: endOf(range) - offset };
  }
}
