// Sends the data of one file to a write worker, which hashes and writes it.
//
// A large chunk that owns its memory, such as a chunk of an upload, is transferred without a copy.
// Other chunks, such as the output of zlib, are copied into buffers that are then transferred.
// Shared memory would be slower, because V8 copies into it at a third of the rate. These buffers
// begin and end on the boundaries of pages and of hashed blocks. holes/direct-writer.ts explains
// how the worker writes them.
import { formatBytes } from "../base/sizes.js";
import { ioError } from "../holes/errno.js";
import type { WritePool } from "../holes/write-pool.js";
import type { BorrowedChunk, OwnedChunk } from "../wire/chunk.js";
import type { BlockTable } from "./block-table.js";
import type { LaneEvents, WriteThread } from "./write-thread.js";
import {
  bufferBytes,
  maxTakenBytes,
  minTakenBytes,
  type WriteMessage,
} from "./write-worker-messages.js";

/** One file that a worker writes. Offsets ascend. */
export interface WriteLane extends WritePool {
  /** Returns the digests of the written file. Call this once, after `idle`. */
  finish(sizeBytes: number): Promise<BlockTable>;
  /** Discards all state of the file. Call this after `idle`. It has no effect after `finish`. */
  drop(): void;
}

export function openWriteLane(thread: WriteThread, fd: number, path: string): WriteLane {
  return new ThreadLane(thread, fd, path);
}

/** A buffer that waits for more bytes. */
interface OpenBuffer {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
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
  #onTable: ((table: BlockTable) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  constructor(thread: WriteThread, fd: number, path: string) {
    this.#thread = thread;
    this.#fd = fd;
    this.#path = path;
    this.#number = thread.addLane(this);
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async write(offset: number, chunk: OwnedChunk): Promise<void> {
    const { byteOffset: start, length } = chunk.bytes;
    const takeable = length >= minTakenBytes && length <= maxTakenBytes;
    const buffer = takeable ? chunk.takeMemory() : undefined;
    const open = this.#open;
    const follows = open !== undefined && open.offset + open.length === offset;
    if (buffer !== undefined || !follows) this.flush();
    if (buffer === undefined) return this.#copy(offset, chunk.bytes);
    await this.#thread.takeRoom();
    this.#send({ buffer, returned: false, start, length, offset });
    this.check();
  }

  writtenBefore(end: number): number {
    const [first = this.#open?.offset ?? end] = this.#pending.keys();
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
    const table = await new Promise<BlockTable>((resolve, reject) => {
      [this.#onTable, this.#onFailure] = [resolve, reject];
      this.#thread.post({ kind: "finish", lane: this.#number, sizeBytes });
    });
    this.#thread.removeLane(this.#number);
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
    this.#send({ ...open, start: 0, returned: true });
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

  finished(table: BlockTable): void {
    this.#onTable?.(table);
  }

  failed(error: Error): void {
    this.#pending.clear();
    this.#fail(error);
    this.#onFlushed?.();
  }

  /** Copies the bytes into buffers, and sends each full buffer. */
  async #copy(offset: number, bytes: BorrowedChunk): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const open = this.#open ?? (await this.#beginBuffer(at));
      const end = Math.min(bytes.length, done + bufferBytes - (at % bufferBytes));
      new Uint8Array(open.buffer, open.length).set(bytes.subarray(done, end));
      open.length += end - done;
      done = end;
      if ((offset + done) % bufferBytes === 0) this.flush();
      this.check();
    }
    // A lane that waits for room has caused other lanes to send their partly filled buffers. No
    // lane may hold such a buffer again before the waiting lane has its room.
    if (this.#thread.isFull) this.flush();
  }

  async #beginBuffer(offset: number): Promise<OpenBuffer> {
    const buffer = await this.#thread.beginBuffer(this);
    this.#open = { buffer, offset, length: 0 };
    return this.#open;
  }

  #send(piece: Piece): void {
    const { buffer, returned, offset, length } = piece;
    if (this.#failure !== undefined) return this.#thread.returnRoom(returned ? buffer : undefined);
    this.#pending.set(offset, length);
    const [lane, fd, path] = [this.#number, this.#fd, this.#path];
    this.#thread.post({ kind: "write", lane, fd, path, ...piece }, buffer);
  }

  #failWriting(error: Error, bytes: string): void {
    this.#fail(ioError(error, { what: `write ${bytes}`, path: this.#path }));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure?.(error);
  }
}
