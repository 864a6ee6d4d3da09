// Writes a new file with holes. It keeps several positional writes in flight and can leave out
// zeros.
import { formatBytes, formatBytesApart } from "../base/sizes.js";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import type { Extent, Extents } from "../model/extent.js";
import { closeQuietly } from "../base/quietly.js";
import { ioError, isErrno, withIoError } from "./errno.js";
import { readExtents } from "./extents.js";
import {
  createGuessedReservation,
  createReservation,
  createWritePool,
  createWriteback,
  type Reservation,
  type WritePool,
  type Writeback,
} from "./write-pool.js";
import { dataRuns } from "./zero.js";
import { disk } from "./file-operations.js";
import type { OwnedChunk } from "../wire/chunk.js";

/**
 * Receives the written bytes in ascending order. Ranges that it does not receive are holes, or are
 * as `fill` has made them.
 */
export interface WriteObserver {
  update(offset: number, bytes: Uint8Array): void;
}

export interface SparseFileOptions {
  /**
   * Final permission bits of the file, to which the owner's read bit is added. While the file is
   * being written, they are 0600.
   */
  readonly mode: number;
  /** If true, blocks that contain only zeros become holes. */
  readonly detectZeros: boolean;
  /**
   * The file's logical size, if it is known in advance. The file gets this size at once, and writes
   * beyond it are refused.
   */
  readonly expectedBytes?: number | undefined;
  /**
   * The ranges that will be written, if they are known. Their blocks are reserved a little ahead.
   */
  readonly expectedExtents?: Extents | undefined;
  /** If true, writeback starts early, so that the sync at the end is short. Default: true. */
  readonly earlyWriteback?: boolean;
  /**
   * If true, pages that were written back early are evicted from the page cache. Default: false.
   */
  readonly forgetWritten?: boolean;
  readonly observer?: WriteObserver;
  /** Called with the number of bytes before each write. May throw. */
  readonly onData?: (bytes: number) => void;
  /** Fills the new file before the first write, for example with the content of another file. */
  readonly fill?: ((handle: FileHandle) => Promise<void>) | undefined;
  /** Creates the pool that performs the writes. Default: Node's thread pool, up to four at once. */
  readonly createPool?: ((fd: number, path: string) => WritePool) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenFile {
  readonly sizeBytes: number;
  /** The disk space of the file: 512 × st_blocks. */
  readonly allocatedBytes: number;
}

/**
 * A file being written. Disposing of it before `close` or `finish` deletes the file. Callers must
 * wait for each call before the next one.
 */
export interface SparseFileWriter extends AsyncDisposable {
  /**
   * Writes at or after the end of the previous write. Skipped ranges become holes. This takes
   * ownership of the chunk. Resolves when another write may follow. The pool decides how many
   * writes are in flight. After a write to the disk has failed, every later `write` and `complete`
   * throws its error.
   */
  write(offset: number, chunk: OwnedChunk): Promise<void>;
  /**
   * Copies these ranges of `source` to the same offsets. The caller keeps `source` open until
   * `idle` or `complete` has resolved. In all other respects this works as `write` does.
   */
  copyFrom(source: FileHandle, extents: readonly Extent[]): Promise<void>;
  /** Waits for all writes, whatever their outcome. */
  idle(): Promise<void>;
  /**
   * Waits for all writes and sets size and mode. The file is then complete and open, but not
   * durable.
   */
  complete(sizeBytes: number): Promise<WrittenFile>;
  /**
   * Makes the file durable. Call this once, after `complete`, because a failed fsync must not be
   * retried.
   */
  sync(): Promise<void>;
  /** Closes and keeps the file. Call this after `complete`. */
  close(): Promise<void>;
  /** Discards the file. This has no effect after `close`. */
  discard(): Promise<void>;
  /** Runs `complete`, then `sync` if requested, then `close`. */
  finish(options: { readonly sizeBytes: number; readonly sync: boolean }): Promise<WrittenFile>;
}

/** Creates a file, which must not exist. */
export async function createSparseFile(
  path: string,
  options: SparseFileOptions,
): Promise<SparseFileWriter> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const handle = await withIoError({ what: "create the file", path }, () =>
    disk.open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600),
  );
  const writer = new SparseWriter(handle, path, options);
  const { expectedBytes } = options;
  try {
    // A known size is set first, because xfs does not reserve space beyond the end of the file for
    // writes inside it.
    if (expectedBytes !== undefined) {
      const what = `set the size to ${formatBytes(expectedBytes)}`;
      await withIoError({ what, path }, () => handle.truncate(expectedBytes));
    }
    await options.fill?.(handle);
  } catch (error) {
    await writer.discard();
    throw error;
  }
  return writer;
}

class SparseWriter implements SparseFileWriter {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #options: SparseFileOptions;
  readonly #pool: WritePool;
  readonly #writeback: Writeback;
  readonly #reservation: Reservation;
  #position = 0;
  #state: "writing" | "complete" | "synced" | "closed" = "writing";
  #finishing: Promise<WrittenFile> | undefined;

  constructor(handle: FileHandle, path: string, options: SparseFileOptions) {
    this.#handle = handle;
    this.#path = path;
    this.#options = options;
    this.#pool = options.createPool?.(handle.fd, path) ?? createWritePool(handle, path);
    this.#writeback = createWriteback(
      handle.fd,
      options.earlyWriteback ?? true,
      options.forgetWritten ?? false,
    );
    this.#reservation = chooseReservation(handle.fd, path, options);
  }

  async write(offset: number, chunk: OwnedChunk): Promise<void> {
    const { bytes } = chunk;
    this.#expect("writing", "write");
    this.#pool.check();
    this.#options.signal?.throwIfAborted();
    this.#checkRange(offset, bytes.length);
    this.#position = offset + bytes.length;
    for (const run of runsOf(bytes, offset, this.#options.detectZeros)) {
      const start = run.offset - offset;
      const data = chunk.part(start, start + run.length);
      this.#options.onData?.(run.length);
      this.#options.observer?.update(run.offset, data.bytes);
      await this.#reservation.before(run.offset, run.length);
      await this.#pool.write(run.offset, data);
    }
    this.#writeback.advance(this.#pool.writtenBefore(this.#position));
  }

  async copyFrom(source: FileHandle, extents: readonly Extent[]): Promise<void> {
    const { copy } = this.#pool;
    if (copy === undefined) {
      for await (const piece of readExtents(source, extents)) {
        await this.write(piece.offset, piece.chunk);
      }
      return;
    }
    this.#expect("writing", "copyFrom");
    this.#pool.check();
    this.#options.signal?.throwIfAborted();
    for (const { offset, length } of extents) {
      this.#checkRange(offset, length);
      this.#position = offset + length;
      this.#options.onData?.(length);
    }
    await copy(source.fd, extents);
    this.#writeback.advance(this.#pool.writtenBefore(this.#position));
  }

  idle(): Promise<void> {
    return this.#pool.idle();
  }

  async complete(sizeBytes: number): Promise<WrittenFile> {
    this.#expect("writing", "complete");
    this.#checkRange(sizeBytes, 0);
    await this.#pool.idle();
    this.#pool.check();
    await this.#reservation.releaseUnused();
    await this.#writeback.idle();
    this.#options.signal?.throwIfAborted();
    const written = await withIoError({ what: "set size and mode", path: this.#path }, async () => {
      await this.#handle.truncate(sizeBytes);
      // The owner can always read the file. Otherwise the store could not read it later without
      // being root.
      await this.#handle.chmod((this.#options.mode & 0o777) | 0o400);
      return this.#handle.stat();
    });
    this.#state = "complete";
    return { sizeBytes: written.size, allocatedBytes: written.blocks * 512 };
  }

  async sync(): Promise<void> {
    this.#expect("complete", "sync");
    this.#state = "synced";
    const context = { what: "make the file durable", path: this.#path };
    await withIoError(context, () => this.#handle.sync());
  }

  async close(): Promise<void> {
    if (this.#state !== "synced") this.#expect("complete", "close");
    this.#state = "closed";
    await withIoError({ what: "close the file", path: this.#path }, () => this.#handle.close());
  }

  finish(options: { readonly sizeBytes: number; readonly sync: boolean }): Promise<WrittenFile> {
    this.#finishing = this.#finish(options.sizeBytes, options.sync);
    return this.#finishing;
  }

  async #finish(sizeBytes: number, durable: boolean): Promise<WrittenFile> {
    const written = await this.complete(sizeBytes);
    if (durable) await this.sync();
    await this.close();
    return written;
  }

  async discard(): Promise<void> {
    // After `return writer.finish(…)`, the caller disposes of the writer while `finish` is still
    // running.
    await this.#finishing?.catch(() => undefined);
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#pool.idle();
    await this.#writeback.idle();
    await closeQuietly(this.#handle);
    try {
      await disk.unlink(this.#path);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      throw ioError(error, { what: "remove the file", path: this.#path });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }

  #expect(wanted: string, call: string): void {
    if (this.#state === wanted) return;
    throw new Error(`${call} of a file that is ${this.#state}: ${this.#path}`);
  }

  #checkRange(offset: number, length: number): void {
    const end = offset + length;
    if (!Number.isSafeInteger(end) || offset < this.#position) {
      const before = `after a write that ended at ${this.#position}`;
      throw new Error(`write at ${offset} ${before}: ${this.#path}`);
    }
    const { expectedBytes } = this.#options;
    if (expectedBytes === undefined || end <= expectedBytes) return;
    const [reached, announced] = formatBytesApart(end, expectedBytes);
    throw new StoreError(
      "ARCHIVE_INVALID",
      `data up to ${reached}, but the file was announced with ${announced}: ${this.#path}`,
    );
  }
}

function chooseReservation(fd: number, path: string, options: SparseFileOptions): Reservation {
  const { detectZeros, expectedBytes, expectedExtents } = options;
  return detectZeros && expectedExtents === undefined && expectedBytes !== undefined
    ? createGuessedReservation(fd, path, expectedBytes)
    : createReservation(fd, path, expectedExtents ?? []);
}

function runsOf(bytes: Uint8Array, offset: number, detectZeros: boolean): readonly Extent[] {
  if (bytes.length === 0) return [];
  return detectZeros ? dataRuns(bytes, offset) : [{ offset, length: bytes.length }];
}
