// What the main thread and a write worker tell each other.
import type { BlockTable } from "./block-table.js";

/** Data travels in buffers of this many bytes, which go back and forth and are never shared. */
export const bufferBytes = 512 * 1024;
export const buffersPerWorker = 8;

/** A lane is one file being written; its messages are handled in the order in which they were sent. */
export type ToWorker =
  | {
      readonly kind: "write";
      readonly lane: number;
      readonly buffer: ArrayBuffer;
      readonly length: number;
      readonly fd: number;
      readonly offset: number;
    }
  /** Answered with the block table of all that was written. */
  | { readonly kind: "finish"; readonly lane: number; readonly sizeBytes: number }
  /** Forgets the lane. No answer. */
  | { readonly kind: "drop"; readonly lane: number };

export interface WriteError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
}

export type ToMain =
  | {
      readonly kind: "done";
      readonly lane: number;
      readonly buffer: ArrayBuffer;
      readonly error?: WriteError;
    }
  | { readonly kind: "finished"; readonly lane: number; readonly table: BlockTable };
