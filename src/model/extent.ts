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
