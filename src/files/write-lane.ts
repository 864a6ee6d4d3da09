// Sends the data of one file to a write worker, which hashes and writes it.
//
// A large chunk that owns its memory, such as a chunk of an upload, is transferred without a copy.
// Other chunks, such as the output of zlib, are copied into buffers that are then transferred.
// Shared memory would be slower, because V8 copies into it at a third of the rate. A buffer of
// consecutive bytes ends on a boundary of pages and of hashed blocks, unless it is sent before it
// is full. A buffer of small pieces gathers them from several places of the file.
// holes/direct-writer.ts explains how the worker writes them.
import { formatBytes } from "../base/sizes.js";
import { totalLength, type Extent } from "../model/extent.js";
import { ioError } from "../holes/errno.js";
import type { WritePool } from "../holes/write-pool.js";
import type { BorrowedChunk, OwnedChunk } from "../wire/chunk.js";
import type { BlockTable } from "./block-table.js";
import type { BaseProblem } from "./delta-hash.js";
import type { LaneEvents, WriteThread } from "./write-thread.js";
import {
  bufferBytes,
  maxTakenBytes,
  minTakenBytes,
  type LaneBase,
  type LaneDigests,
  type SentProblem,
  type WriteMessage,
} from "./write-worker-messages.js";

/** One file that a worker writes. Offsets ascend. */
export interface WriteLane extends WritePool {
  readonly copy: (from: number, extents: readonly Extent[]) => Promise<void>;
  /**
   * Returns the digests of the written file. Throws a BaseError if the base cannot be read or does
   * not match its digests. Call this once, after `idle`, and never over an unhashed base.
   */
  finish(sizeBytes: number): Promise<BlockTable>;
  /** Discards all state of the file. Call this after `idle`. It has no effect after `finish`. */
  drop(): void;
}

/** Opens a lane. With a base, the file is a copy of the base that the lane writes over. */
export function openWriteLane(
  thread: WriteThread,
  fd: number,
  path: string,
  base?: LaneBase,
): WriteLane {
  return new ThreadLane(thread, fd, path, base);
}

/** Thrown when the digests of a file cannot be computed from the digests of its base. */
export class BaseError extends Error {
  readonly problem: BaseProblem;

  constructor(problem: SentProblem) {
    super(`the base of a file is ${problem.kind}`);
    this.problem =
      problem.kind === "unread"
        ? { kind: "unread", error: Object.assign(new Error(), problem.error) }
        : problem;
  }
}

/** A buffer that waits for more bytes. */
interface OpenBuffer {
  readonly buffer: ArrayBuffer;
  /** The offset in the file and the length of each run of bytes in the buffer. */
  readonly runs: number[];
  /** The offset in the file after the last run. */
  end: number;
  length: number;
}

type Piece = Omit<WriteMessage, "kind" | "lane" | "fd" | "path">;

class ThreadLane implements WriteLane, LaneEvents {
  readonly #thread: WriteThread;
  readonly #number: number;
  readonly #fd: number;
  readonly #path: string;
  /** Lengths of the pieces that are under way, by their offsets, which ascend. */
  readonly #pending = new Map<number, number>();
  #open: OpenBuffer | undefined;
  #failure: Error | undefined;
  #onFlushed: (() => void) | undefined;
  #onDigests: ((result: LaneDigests) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  constructor(thread: WriteThread, fd: number, path: string, base: LaneBase | undefined) {
    this.#thread = thread;
    this.#fd = fd;
    this.#path = path;
    this.#number = thread.addLane(this);
    if (base !== undefined) thread.post({ kind: "base", lane: this.#number, base });
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async write(offset: number, chunk: OwnedChunk): Promise<void> {
    const { byteOffset: start, length } = chunk.bytes;
    const takeable = length >= minTakenBytes && length <= maxTakenBytes;
    const buffer = takeable ? chunk.takeMemory() : undefined;
    if (buffer === undefined) return this.#gather(offset, chunk.bytes);
    this.flush();
    await this.#thread.takeRoom();
    this.#send({ buffer, returned: false, start, length, offset });
    this.check();
  }

  readonly copy = async (from: number, extents: readonly Extent[]): Promise<void> => {
    const [first] = extents;
    if (first === undefined) return;
    this.flush();
    await this.#thread.takeRoom();
    if (this.#failure === undefined) this.#sendCopy(from, first.offset, extents);
    else this.#thread.returnRoom(undefined);
    this.check();
  };

  writtenBefore(end: number): number {
    const [first = this.#open?.runs[0] ?? end] = this.#pending.keys();
    return Math.min(end, first);
  }

  async idle(): Promise<void> {
    this.flush();
    // A finished lane has no pieces under way, and the worker would not answer.
    if (this.#thread.failure !== undefined || !this.#thread.hasLane(this.#number)) return;
    await new Promise<void>((resolve) => {
      this.#onFlushed = resolve;
      this.#thread.post({ kind: "flush", lane: this.#number });
    });
  }

  async finish(sizeBytes: number): Promise<BlockTable> {
    this.check();
    const { table, problem } = await new Promise<LaneDigests>((resolve, reject) => {
      [this.#onDigests, this.#onFailure] = [resolve, reject];
      this.#thread.post({ kind: "finish", lane: this.#number, sizeBytes });
    });
    this.#thread.removeLane(this.#number);
    if (problem !== undefined) throw new BaseError(problem);
    if (table === undefined) throw new Error("a file over an unhashed base has no digests");
    return table;
  }

  drop(): void {
    if (!this.#thread.removeLane(this.#number)) return;
    this.#thread.post({ kind: "drop", lane: this.#number });
  }

  flush(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#thread.endBuffer(this);
    const { buffer, length, runs } = open;
    this.#send({ buffer, length, runs, offset: runs[0] ?? 0, start: 0, returned: true });
  }

  done(offset: number, error: Error | undefined): void {
    const length = this.#pending.get(offset) ?? 0;
    this.#pending.delete(offset);
    if (error !== undefined) this.#failWriting(error, `${formatBytes(length)} at offset ${offset}`);
  }

  flushed(error: Error | undefined): void {
    if (error !== undefined) this.#failWriting(error, "the last bytes");
    this.#onFlushed?.();
  }

  finished(result: LaneDigests): void {
    this.#onDigests?.(result);
  }

  failed(error: Error): void {
    this.#pending.clear();
    this.#fail(error);
    this.#onFlushed?.();
  }

  /** Copies the bytes into buffers, and sends each full buffer. */
  async #gather(offset: number, bytes: BorrowedChunk): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const open = this.#open ?? (await this.#beginBuffer());
      const length = Math.min(
        ...[bytes.length - done, bufferBytes - open.length, bufferBytes - (at % bufferBytes)],
      );
      new Uint8Array(open.buffer, open.length).set(bytes.subarray(done, done + length));
      addRun(open, at, length);
      done += length;
      if (isComplete(open)) this.flush();
      this.check();
    }
    // A lane that waits for room has caused other lanes to send their partly filled buffers. No
    // lane may hold such a buffer again before the waiting lane has its room.
    if (this.#thread.isFull) this.flush();
  }

  async #beginBuffer(): Promise<OpenBuffer> {
    const buffer = await this.#thread.beginBuffer(this);
    this.#open = { buffer, runs: [], end: -1, length: 0 };
    return this.#open;
  }

  #send(piece: Piece): void {
    const { buffer, returned, offset, length } = piece;
    if (this.#failure !== undefined) return this.#thread.returnRoom(returned ? buffer : undefined);
    this.#pending.set(offset, length);
    const [lane, fd, path] = [this.#number, this.#fd, this.#path];
    this.#thread.post({ kind: "write", lane, fd, path, ...piece }, buffer);
  }

  #sendCopy(from: number, offset: number, extents: readonly Extent[]): void {
    this.#pending.set(offset, totalLength(extents));
    const runs = extents.flatMap((extent) => [extent.offset, extent.length]);
    const [lane, fd, path] = [this.#number, this.#fd, this.#path];
    this.#thread.post({ kind: "copy", ...{ lane, fd, path, from, offset, runs } });
  }

  #failWriting(error: Error, bytes: string): void {
    this.#fail(ioError(error, { what: `write ${bytes}`, path: this.#path }));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure?.(error);
  }
}

function addRun(open: OpenBuffer, offset: number, length: number): void {
  const { runs } = open;
  if (open.end === offset) runs[runs.length - 1] = (runs.at(-1) ?? 0) + length;
  else runs.push(offset, length);
  open.end = offset + length;
  open.length += length;
}

/**
 * Returns whether the buffer must be sent. Consecutive bytes are cut at the ends of blocks, and
 * gathered bytes at the end of the buffer.
 */
function isComplete({ runs, end, length }: OpenBuffer): boolean {
  return length === bufferBytes || (runs.length === 2 && end % bufferBytes === 0);
}
