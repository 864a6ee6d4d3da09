// A run of bytes in a file that contains data. The ranges between extents are holes.

export interface Extent {
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Bytes, above 0. */
  readonly length: number;
}

/** The extents of a file, ascending: an array, or a map that needs less memory. */
export interface Extents extends Iterable<Extent> {
  readonly length: number;
  at(index: number): Extent | undefined;
}

/** The first byte after an extent. */
export function endOf({ offset, length }: Extent): number {
  return offset + length;
}

/** Bytes in all extents together. */
export function totalLength(extents: Iterable<Extent>): number {
  let total = 0;
  for (const { length } of extents) total += length;
  return total;
}

/** The bytes that both have in common, each time it is iterated. Both ascend. */
export function commonParts(a: Iterable<Extent>, b: Iterable<Extent>): Iterable<Extent> {
  return {
    *[Symbol.iterator]() {
      const inCommon = createIntersection(b);
      for (const part of a) yield* inCommon(part);
    },
  };
}

/**
 * Returns a function that yields the bytes that a part has in common with `extents`. Call it with
 * parts that ascend, as `extents` do.
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
      // The rest of this extent may be in the next part.
      if (endOf(value) > endOf(part)) return;
      next = following.next();
    }
  };
}

/** The bytes of `ranges` that are in none of `parts`. Both ascend, and each part is in a range. */
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
