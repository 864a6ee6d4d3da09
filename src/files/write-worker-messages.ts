// Defines the messages between the main thread and a write worker.
import type { BlockTable } from "./block-table.js";

/**
 * Bytes of a buffer that small pieces are copied into. These buffers go back and forth. A large
 * piece is transferred in the memory that it arrived in. No memory is shared.
 */
export const bufferBytes = 512 * 1024;
/**
 * Maximum number of buffers and pieces that wait for a worker: enough to keep the worker busy after
 * other threads have used its core.
 */
export const piecesPerWorker = 16;
/** Smaller pieces cost less to copy than to transfer. */
export const minTakenBytes = 128 * 1024;
/** Larger pieces would let too many bytes wait for a worker. */
export const maxTakenBytes = 1024 * 1024;

export interface WriteMessage {
  readonly kind: "write";
  readonly lane: number;
  readonly buffer: ArrayBuffer;
  /** True if the answer returns the buffer. */
  readonly returned: boolean;
  readonly start: number;
  readonly length: number;
  readonly fd: number;
  readonly path: string;
  readonly offset: number;
}

/**
 * A lane is one file that is being written. The worker handles its messages in the order they were
 * sent.
 */
export type ToWorker =
  | WriteMessage
  /**
   * The worker answers when all writes that were sent before this message have succeeded or failed.
   */
  | { readonly kind: "flush"; readonly lane: number }
  /** The answer contains the block table of the written file. */
  | { readonly kind: "finish"; readonly lane: number; readonly sizeBytes: number }
  /** Discards the state of the lane. The worker does not answer. */
  | { readonly kind: "drop"; readonly lane: number };

export interface WriteError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
}

export type ToMain =
  /** The piece at this offset was written, or could not be written. */
  | {
      readonly kind: "done";
      readonly lane: number;
      readonly offset: number;
      readonly buffer: ArrayBuffer | undefined;
      readonly error: WriteError | undefined;
    }
  | { readonly kind: "flushed"; readonly lane: number; readonly error: WriteError | undefined }
  | { readonly kind: "finished"; readonly lane: number; readonly table: BlockTable };
