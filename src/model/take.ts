// Describes how the files of a snapshot leave the store, when a directory takes the snapshot's
// place.
import type { Snapshot } from "./snapshot.js";

/**
 * moved    the stored file itself
 * reflink  a file that shares its blocks with the stored one, because clones link to the latter
 * copy     a copy of the stored file, because clones link to the latter
 */
export type TakeMode = "moved" | "reflink" | "copy";

export interface TakenFile {
  readonly name: string;
  readonly mode: TakeMode;
  readonly copiedBytes: number;
}

export interface TakeRequest {
  readonly ref: string;
  /** Maximum number of bytes that are copied, in all files together. */
  readonly maxCopyBytes: number;
  /** Either empty or a UUID, which makes a retry safe. */
  readonly requestId: string;
}

export interface Taken {
  /** The snapshot as it was before the call. */
  readonly snapshot: Snapshot;
  readonly files: readonly TakenFile[];
}
