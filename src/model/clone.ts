// Describes how a working copy of a snapshot is made, file by file.

/**
 * auto     reflink, or copy where the filesystem cannot share blocks
 * link     a hard link to the stored file
 * reflink  a file that shares its blocks with the stored one
 * copy     a copy made in the kernel, with its holes
 * skip     no file
 */
export type CloneMode = "auto" | "link" | "reflink" | "copy" | "skip";

export interface CloneRequest {
  /** The modes of some files, by name. */
  readonly modes: ReadonlyMap<string, CloneMode>;
  readonly defaultMode: CloneMode;
  /** The directory is durable when the call answers. */
  readonly durable: boolean;
  /** Most bytes that `auto` copies, in all files together. */
  readonly maxCopyBytes: number;
}

/** A directory that takes seconds to copy is refused, because its caller expects milliseconds. */
export const defaultMaxCopyBytes = 1024 ** 3;

export interface ClonedFile {
  readonly name: string;
  readonly mode: Exclude<CloneMode, "auto">;
  /** Bytes of data that the file shares with the stored one. */
  readonly sharedBytes: number;
  readonly copiedBytes: number;
}
