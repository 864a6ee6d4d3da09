// Converts a common prefix of names to a range of an index.

/**
 * Returns the half-open range of all texts that begin with `prefix`. U+10FFFF sorts after
 * everything.
 */
export function prefixRange(prefix: string): { prefix: string; prefixEnd: string } {
  return { prefix, prefixEnd: `${prefix}\u{10ffff}` };
}
