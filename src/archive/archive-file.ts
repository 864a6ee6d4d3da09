// A file on its way into an archive.
import type { Extents } from "../model/extent.js";
import type { FilePiece } from "../holes/extents.js";

export interface ArchiveFile {
  readonly name: string;
  /** Masked to 0777 when written. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /** Data extents, or undefined when the filesystem cannot tell: then the entry is plain. */
  readonly extents: Extents | undefined;
  /**
   * Reads all extents, or the whole file where they are unknown, in pieces that ascend without a
   * gap inside an extent. May be called once.
   */
  pieces(): AsyncIterable<FilePiece>;
}

/** What decides the layout of an entry: all of a file but its bytes. */
export type ArchiveFileShape = Omit<ArchiveFile, "pieces">;

/** What `pieces` of a file of that shape reads. */
export function dataOf({ extents, sizeBytes }: ArchiveFileShape): Extents {
  if (extents !== undefined) return extents;
  return sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
}
