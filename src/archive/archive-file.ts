// Describes a file that is written to an archive.
import type { Extents } from "../model/extent.js";
import type { FilePiece } from "../holes/extents.js";

export interface ArchiveFile {
  readonly name: string;
  /** Permission bits, masked to 0777 when they are written. */
  readonly mode: number;
  /** Logical size in bytes. */
  readonly sizeBytes: number;
  /**
   * Data extents. If the filesystem does not report holes, this is undefined and the entry is
   * plain.
   */
  readonly extents: Extents | undefined;
  /**
   * If true, a hole means that the range is unchanged since another file. The entry is then always
   * sparse, and contains no byte outside the extents.
   */
  readonly isDelta?: boolean;
  /**
   * Reads all extents, or the whole file if they are unknown. Pieces ascend, without a gap inside
   * an extent. May be called once.
   */
  pieces(): AsyncIterable<FilePiece>;
}

/** The properties that decide the layout of an entry: all except the content. */
export type ArchiveFileShape = Omit<ArchiveFile, "pieces">;

/** Returns the extents that `pieces` yields for a file of that shape. */
export function dataOf({ extents, sizeBytes }: ArchiveFileShape): Extents {
  if (extents !== undefined) return extents;
  return sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
}
