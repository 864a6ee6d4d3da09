// Defines the messages between the main thread and a write worker.
import type { Extent } from "../model/extent.js";
import type { BlockTable } from "./block-table.js";
import type { BaseProblem } from "./delta-hash.js";

/**
 * Bytes of a buffer that small pieces are copied into. The worker returns these buffers. A large
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
  /** The offset of the first byte in the file. */
  readonly offset: number;
  /** The offset and length of each range of the file, if the bytes belong to several ranges. */
  readonly runs?: readonly number[] | undefined;
}

/** Tells the worker to copy ranges of another file to the same offsets. */
export interface CopyMessage {
  readonly kind: "copy";
  readonly lane: number;
  readonly fd: number;
  readonly path: string;
  /** The descriptor of the file to read. */
  readonly from: number;
  /** The offset of the first range. */
  readonly offset: number;
  /** The offset and length of each range, in ascending order. */
  readonly runs: readonly number[];
}

/** The source of a lane's digests. The descriptor stays open as long as the lane. */
export type LaneBase =
  | {
      readonly fd: number;
      readonly table: BlockTable;
      /** The ranges of the base that become holes. Undefined means none. */
      readonly holes: readonly Extent[] | undefined;
    }
  /** The base has no digests, so nothing is hashed. */
  | "unhashed";

/**
 * A lane is one file that is being written. The worker handles its messages in the order they were
 * sent.
 */
export type ToWorker =
  | WriteMessage
  | CopyMessage
  /** Precedes all other messages of a lane that writes over a copy of its base. */
  | { readonly kind: "base"; readonly lane: number; readonly base: LaneBase }
  /**
   * The worker answers when all writes that were sent before this message have succeeded or failed.
   */
  | { readonly kind: "flush"; readonly lane: number }
  /** The answer contains the block table of the written file, or the problem of its base. */
  | { readonly kind: "finish"; readonly lane: number; readonly sizeBytes: number }
  /** Discards the state of the lane. The worker does not answer. */
  | { readonly kind: "drop"; readonly lane: number };

export interface WriteError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
}

export interface LaneDigests {
  /** The table is undefined if the base is unhashed. */
  readonly table: BlockTable | undefined;
  readonly problem?: SentProblem | undefined;
}

/** A problem as it is sent between threads, where errors become plain objects. */
export type SentProblem =
  | Extract<BaseProblem, { kind: "damaged" }>
  | { readonly kind: "unread"; readonly error: WriteError };

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
  | { readonly kind: "finished"; readonly lane: number; readonly result: LaneDigests };
