// How the files of a snapshot leave the store, when a directory takes the snapshot's place.
import type { Snapshot } from "./snapshot.js";

/**
 * moved    the stored file itself
 * reflink  a file that shares its blocks with the stored one, which clones link to
 * copy     a copy of the stored file, which clones link to
 */
export type TakeMode = "moved" | "reflink" | "copy";

export interface TakenFile {
  readonly name: string;
  readonly mode: TakeMode;
  readonly copiedBytes: number;
}

export interface TakeRequest {
  readonly ref: string;
  /** Most bytes that are copied, in all files together. */
  readonly maxCopyBytes: number;
  /** Empty, or a UUID that makes a retry safe. */
  readonly requestId: string;
}

export interface Taken {
  /** The snapshot as it was. */
  readonly snapshot: Snapshot;
  readonly files: readonly TakenFile[];
}
