// A file on its way into an archive.
import type { Extent } from "../model/extent.js";

export interface ArchiveFile {
  readonly name: string;
  /** Masked to 0777 when written. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /** Data extents, or undefined when the filesystem can't tell: then the entry is plain. */
  readonly extents: readonly Extent[] | undefined;
  /** Reads [offset, offset + length), holes as zeros, in pieces of a good size (256-512 KiB). */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
}

/** What decides the layout of an entry: all of a file but its bytes. */
export type ArchiveFileShape = Omit<ArchiveFile, "read">;
