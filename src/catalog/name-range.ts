// Names with a common prefix, as a range of an index.

/** The half-open range of all texts that begin with `prefix`. U+10FFFF sorts after everything. */
export function prefixRange(prefix: string): { prefix: string; prefixEnd: string } {
  return { prefix, prefixEnd: `${prefix}\u{10ffff}` };
}
