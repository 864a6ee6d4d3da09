// A run of bytes in a file that holds data; what lies between extents are holes.

export interface Extent {
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Bytes, above 0. */
  readonly length: number;
}

/** Bytes in all extents together. */
export function totalLength(extents: readonly Extent[]): number {
  let total = 0;
  for (const extent of extents) total += extent.length;
  return total;
}
