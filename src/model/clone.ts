// Describes how a working copy of a snapshot is made, file by file.

/**
 * auto     reflink, or copy if the filesystem cannot share blocks
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
  /** Whether the directory must be durable when the call is answered. */
  readonly durable: boolean;
  /** Maximum number of bytes that `auto` copies, in all files together. */
  readonly maxCopyBytes: number;
}

/**
 * Default of `maxCopyBytes`. If `auto` would have to copy more, the clone is refused, because a
 * copy takes seconds and its caller expects milliseconds.
 */
export const defaultMaxCopyBytes = 1024 ** 3;

export interface ClonedFile {
  readonly name: string;
  readonly mode: Exclude<CloneMode, "auto">;
  /** Bytes of data that the file shares with the stored one. */
  readonly sharedBytes: number;
  readonly copiedBytes: number;
}
