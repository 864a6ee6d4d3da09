// Writing a new file with holes: several positional writes in flight, zeros left out.
import { constants } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import type { Extent } from "../model/extent.js";
import { ioError, isErrno, withIoError } from "./errno.js";
import { startWriteback } from "./native.js";
import { dataRuns } from "./zero.js";

/** Sees the bytes that are written, in ascending order; what it never sees is a hole. */
export interface WriteObserver {
  update(offset: number, bytes: Uint8Array): void;
}

export interface SparseFileOptions {
  /** Permission bits that the file gets in the end; while it is written they are 0600. */
  readonly mode: number;
  /** Makes holes of blocks that hold only zeros. */
  readonly detectZeros: boolean;
  /** The file's logical size where it is known before: set at once, and writes beyond it refused. */
  readonly expectedBytes?: number | undefined;
  /** Writes to the device begin early, so that the sync at the end is short. Default: true. */
  readonly earlyWriteback?: boolean;
  readonly observer?: WriteObserver;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenFile {
  readonly sizeBytes: number;
  /** 512 × st_blocks. */
  readonly allocatedBytes: number;
}

/**
 * A file being written. Disposing it before `close` or `finish` removes the file.
 * One caller at a time: each call waits for the one before.
 */
export interface SparseFileWriter extends AsyncDisposable {
  /**
   * Writes at an offset at or after the end of the write before; what is left out is a hole.
   * Resolves as soon as another write may follow, with up to four under way: `bytes` must not
   * change before `finish` or `complete`. The first error is met by every later call.
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Waits for all writes, sets size and mode. The file is whole, but not yet durable, and open. */
  complete(sizeBytes: number): Promise<WrittenFile>;
  /** After `complete`: makes the file durable. Only once: fsync that failed must not be retried. */
  sync(): Promise<void>;
  /** After `complete`: keeps the file. */
  close(): Promise<void>;
  /** Gives the file up and removes it; nothing happens after `close`. */
  discard(): Promise<void>;
  /** `complete`, `sync` if wanted, `close`. */
  finish(options: { readonly sizeBytes: number; readonly sync: boolean }): Promise<WrittenFile>;
}

const maxWritesInFlight = 4;
const writebackBytes = 16 * 1024 * 1024;

/** Creates a file that did not exist. */
export async function createSparseFile(
  path: string,
  options: SparseFileOptions,
): Promise<SparseFileWriter> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const handle = await withIoError({ what: "create the file", path }, () =>
    open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600),
  );
  const writer = createWriter(handle, path, options);
  try {
    // Known sizes are set first: writes inside the file don't make xfs reserve space after it.
    const { expectedBytes } = options;
    if (expectedBytes !== undefined) {
      await withIoError({ what: `set the size to ${expectedBytes}`, path }, () =>
        handle.truncate(expectedBytes),
      );
    }
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
  return writer;
}

function createWriter(
  handle: FileHandle,
  path: string,
  options: SparseFileOptions,
): SparseFileWriter {
  const pool = createWritePool(handle, path);
  const writeback = createWriteback(handle.fd, options.earlyWriteback ?? true);
  let position = 0;
  let finishing: Promise<WrittenFile> | undefined;
  let state: "writing" | "complete" | "synced" | "closed" = "writing";

  const expectState = (wanted: typeof state, call: string): void => {
    if (state !== wanted) throw new Error(`${call} of a file that is ${state}: ${path}`);
  };

  const write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    expectState("writing", "write");
    pool.check();
    options.signal?.throwIfAborted();
    checkRange(path, position, offset, bytes.length, options.expectedBytes);
    position = offset + bytes.length;
    for (const run of runsOf(bytes, offset, options.detectZeros)) {
      const data = bytes.subarray(run.offset - offset, run.offset - offset + run.length);
      options.observer?.update(run.offset, data);
      await pool.write(run.offset, data);
    }
    writeback.advance(pool.settledBefore(position));
  };

  const complete = async (sizeBytes: number): Promise<WrittenFile> => {
    expectState("writing", "complete");
    checkRange(path, position, sizeBytes, 0, options.expectedBytes);
    await pool.drain();
    await writeback.settled();
    options.signal?.throwIfAborted();
    const written = await withIoError({ what: "set size and mode", path }, async () => {
      await handle.truncate(sizeBytes);
      // Always readable by its owner, or the store could not read it back without being root.
      await handle.chmod((options.mode & 0o777) | 0o400);
      return handle.stat();
    });
    state = "complete";
    return { sizeBytes: written.size, allocatedBytes: written.blocks * 512 };
  };

  const sync = async (): Promise<void> => {
    expectState("complete", "sync");
    state = "synced";
    await withIoError({ what: "make the file durable", path }, () => handle.sync());
  };

  const close = async (): Promise<void> => {
    if (state !== "complete" && state !== "synced") expectState("complete", "close");
    state = "closed";
    await withIoError({ what: "close the file", path }, () => handle.close());
  };

  const finishAll: SparseFileWriter["finish"] = async ({ sizeBytes, sync: durable }) => {
    const written = await complete(sizeBytes);
    if (durable) await sync();
    await close();
    return written;
  };

  const discard = async (): Promise<void> => {
    // `return writer.finish(…)` disposes while it is still running.
    await finishing?.catch(() => undefined);
    if (state === "closed") return;
    state = "closed";
    await pool.idle();
    await writeback.settled();
    await handle.close().catch(() => undefined);
    await unlink(path).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT")) throw ioError(error, { what: "remove the file", path });
    });
  };

  return {
    write,
    complete,
    sync,
    close,
    discard,
    finish: (options) => (finishing = finishAll(options)),
    [Symbol.asyncDispose]: discard,
  };
}

function runsOf(bytes: Uint8Array, offset: number, detectZeros: boolean): readonly Extent[] {
  if (bytes.length === 0) return [];
  return detectZeros ? dataRuns(bytes, offset) : [{ offset, length: bytes.length }];
}

function checkRange(
  path: string,
  position: number,
  offset: number,
  length: number,
  expectedBytes: number | undefined,
): void {
  if (Number.isSafeInteger(offset) && offset >= position) {
    if (expectedBytes === undefined || offset + length <= expectedBytes) return;
    throw new StoreError(
      "ARCHIVE_INVALID",
      `data up to byte ${offset + length}, but the file was announced with ${expectedBytes}: ${path}`,
    );
  }
  throw new Error(`write at ${offset} after a write that ended at ${position}: ${path}`);
}

interface WritePool {
  /** Throws the first error of any write. */
  check(): void;
  /** Resolves when fewer than the maximum are under way. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** The offset up to `end` before which no write is under way. */
  settledBefore(end: number): number;
  /** Waits for all, whatever their outcome. */
  idle(): Promise<void>;
  /** Waits for all and throws the first error. */
  drain(): Promise<void>;
}

function createWritePool(handle: FileHandle, path: string): WritePool {
  const running = new Map<number, Promise<void>>();
  let failure: { readonly error: Error } | undefined;

  const check = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  const idle = async (): Promise<void> => {
    await Promise.all(running.values());
  };
  return {
    check,
    idle,
    write: async (offset, bytes) => {
      const write = writeFully(handle, bytes, offset)
        .catch((error: unknown) => {
          const what = `write ${bytes.length} bytes at offset ${offset}`;
          failure ??= { error: ioError(error, { what, path }) };
        })
        .finally(() => running.delete(offset));
      running.set(offset, write);
      if (running.size >= maxWritesInFlight) await Promise.race(running.values());
      check();
    },
    settledBefore: (end) => Math.min(end, ...running.keys()),
    drain: async () => {
      await idle();
      check();
    },
  };
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

interface Writeback {
  /** All bytes before `end` are with the kernel. */
  advance(end: number): void;
  settled(): Promise<void>;
}

/** One call under way at a time, and none of them matters: what fails here fails at the sync. */
function createWriteback(fd: number, enabled: boolean): Writeback {
  let started = 0;
  let running: Promise<void> | undefined;
  return {
    advance: (end) => {
      if (!enabled || running !== undefined || end - started < writebackBytes) return;
      running = startWriteback(fd, started, end - started)
        .catch(() => undefined)
        .finally(() => (running = undefined));
      started = end;
    },
    settled: async () => running,
  };
}
