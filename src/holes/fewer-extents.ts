// Reduces the number of extents of a map by counting its smallest holes as data.
import type { Extent } from "../model/extent.js";

/** Size classes of holes per power of two. */
const bucketsPerDoubling = 8;
const bucketCount = 54 * bucketsPerDoubling;

/**
 * Yields at most `maxExtents` (1 or more) extents that cover all of `extents`. Approximately the
 * largest holes stay between them. This reads `extents` twice. Its memory does not depend on the
 * number of extents.
 */
export function* fewerExtents(
  extents: Iterable<Extent>,
  maxExtents: number,
): Generator<Extent, void, undefined> {
  const keeps = largestHoles(extents, maxExtents - 1);
  let start = -1;
  let end = 0;
  for (const { offset, length } of extents) {
    if (start >= 0 && offset > end && keeps(offset - end)) {
      yield { offset: start, length: end - start };
      start = offset;
    }
    if (start < 0) start = offset;
    end = offset + length;
  }
  if (start >= 0) yield { offset: start, length: end - start };
}

/**
 * Returns a function that decides whether a hole is approximately among the `count` largest. The
 * caller calls it once for each hole, in order.
 */
function largestHoles(extents: Iterable<Extent>, count: number): (length: number) => boolean {
  const holes = new Float64Array(bucketCount);
  let end = -1;
  for (const { offset, length } of extents) {
    if (end >= 0 && offset > end) {
      const bucket = bucketOf(offset - end);
      holes[bucket] = (holes[bucket] ?? 0) + 1;
    }
    end = offset + length;
  }
  let left = count;
  let smallest = bucketCount;
  while (smallest > 0 && left >= (holes[smallest - 1] ?? 0)) {
    smallest -= 1;
    left -= holes[smallest] ?? 0;
  }
  // The first `left` holes of the next smaller size class are kept.
  return (length) => {
    const bucket = bucketOf(length);
    if (bucket >= smallest) return true;
    if (bucket < smallest - 1 || left === 0) return false;
    left -= 1;
    return true;
  };
}

function bucketOf(length: number): number {
  return Math.floor(Math.log2(length) * bucketsPerDoubling);
}
