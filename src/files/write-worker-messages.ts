// What the main thread and a write worker tell each other.
import type { BlockTable } from "./block-table.js";

/**
 * Small pieces are gathered in buffers of this many bytes, which go back and forth; large ones
 * travel in the memory that they came in, and are gone with it. None is shared.
 */
export const bufferBytes = 512 * 1024;
/**
 * Buffers and pieces that wait for a worker at most: enough to keep it busy while others have its
 * core.
 */
export const piecesPerWorker = 16;
/** Smaller pieces cost less to copy than to send; of larger ones too much would wait. */
export const minTakenBytes = 128 * 1024;
export const maxTakenBytes = 1024 * 1024;

export interface WriteMessage {
  readonly kind: "write";
  readonly lane: number;
  readonly buffer: ArrayBuffer;
  /** Whether the answer brings the buffer back. */
  readonly returned: boolean;
  readonly start: number;
  readonly length: number;
  readonly fd: number;
  readonly path: string;
  readonly offset: number;
}

/**
 * A lane is one file being written; its messages are handled in the order in which they were sent.
 */
export type ToWorker =
  | WriteMessage
  /** Answered when all before it has been written, or has failed. */
  | { readonly kind: "settle"; readonly lane: number }
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
  /** The piece at this offset was written, or not. */
  | {
      readonly kind: "done";
      readonly lane: number;
      readonly offset: number;
      readonly buffer: ArrayBuffer | undefined;
      readonly error: WriteError | undefined;
    }
  | { readonly kind: "settled"; readonly lane: number; readonly error: WriteError | undefined }
  | { readonly kind: "finished"; readonly lane: number; readonly table: BlockTable };
