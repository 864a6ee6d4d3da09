// Runs positional writes concurrently, and manages the page cache and the reserved blocks around
// them.
import { formatBytes } from "../base/sizes.js";
import type { FileHandle } from "node:fs/promises";
import { isStoreError } from "../base/errors.js";
import { writeFully } from "../base/whole-io.js";
import type { Extent } from "../model/extent.js";
import type { OwnedChunk } from "../wire/chunk.js";
import { endOf } from "../model/extent.js";
import { ioError, isErrno } from "./errno.js";
import { forgetCached, releaseRange, reserveRange, startWriteback } from "./native.js";

/**
 * Maximum writes at once. A larger number gains nothing, because Node's thread pool has four
 * threads.
 */
const maxWritesInFlight = 4;

export interface WritePool {
  /** Throws the first error of any write, if a write has failed. */
  check(): void;
  /**
   * Starts a write. Resolves when another write may follow. The pool keeps the chunk until it has
   * been written.
   */
  write(offset: number, chunk: OwnedChunk): Promise<void>;
  /**
   * Copies ranges of the file with the descriptor `from` to the same offsets. The caller keeps that
   * file open until the pool is idle. Undefined if the pool cannot read files.
   */
  readonly copy?: (from: number, extents: readonly Extent[]) => Promise<void>;
  /** Returns the offset, at most `end`, below which no write is in flight. */
  writtenBefore(end: number): number;
  /** Waits for all writes, whatever their outcome. */
  idle(): Promise<void>;
}

export function createWritePool(handle: FileHandle, path: string): WritePool {
  const running = new Map<number, Promise<void>>();
  let failure: { readonly error: Error } | undefined;

  const check = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  return {
    check,
    write: async (offset, { bytes }) => {
      const write = writeFully(handle, bytes, offset)
        .catch((error: unknown) => {
          const what = `write ${formatBytes(bytes.length)} at offset ${offset}`;
          failure ??= { error: ioError(error, { what, path }) };
        })
        .finally(() => running.delete(offset));
      running.set(offset, write);
      if (running.size >= maxWritesInFlight) await Promise.race(running.values());
      check();
    },
    writtenBefore: (end) => Math.min(end, ...running.keys()),
    idle: async () => {
      await Promise.all(running.values());
    },
  };
}

/** Bytes between two starts of writeback. */
const writebackBytes = 16 * 1024 * 1024;

export interface Writeback {
  /** Tells the writeback that the kernel has received all bytes before `end`. */
  advance(end: number): void;
  /** Waits for the running writeback to end. */
  idle(): Promise<void>;
}

/** Number of stretches that are in writeback when the stretch before them is evicted. */
const stretchesBehind = 2;

/**
 * Returns a writeback that runs one call at a time and ignores a failure, because the sync reports
 * the error too. With `forget`, the page cache evicts data that was written back while more data
 * arrived. The upload then reuses its own memory and does not evict other programs' pages. A disk
 * that is fast enough for this can also read the data again at that rate. On a slower disk, the
 * data stays in memory.
 */
export function createWriteback(fd: number, enabled: boolean, forget: boolean): Writeback {
  let started = 0;
  let running: Promise<void> | undefined;
  const written: Extent[] = [];
  const start = async (stretch: Extent): Promise<void> => {
    await startWriteback(fd, stretch.offset, stretch.length);
    if (!forget) return;
    written.push(stretch);
    const oldest = written.length > stretchesBehind ? written.shift() : undefined;
    if (oldest !== undefined) await forgetCached(fd, oldest.offset, oldest.length);
  };
  return {
    advance: (end) => {
      if (!enabled || running !== undefined || end - started < writebackBytes) return;
      running = start({ offset: started, length: end - started })
        .catch(() => undefined)
        .finally(() => (running = undefined));
      started = end;
    },
    idle: async () => running,
  };
}

/**
 * Maximum bytes that are reserved at once. The larger a reservation is, the more an aborted upload
 * has to release.
 */
const reserveBytes = 64 * 1024 * 1024;
/** Smallest extent that is reserved. A smaller one is not worth a call. */
const minReserveBytes = 1024 * 1024;

export interface Reservation {
  /**
   * Reserves blocks for a write. The writer of the file calls this before each write, with
   * ascending offsets.
   */
  before(offset: number, length: number): Promise<void>;
  /** Returns the highest offset up to which blocks may have been reserved. */
  reservedUntil(): number;
  /**
   * Releases blocks that were reserved and not written. The writer calls this after the last write.
   */
  releaseUnused(): Promise<void>;
}

/**
 * Reserves the blocks of known extents shortly before they are written. The filesystem then lays
 * them out in one piece, and writes cost it less. A full disk is detected before the data arrives.
 */
export function createReservation(
  fd: number,
  path: string,
  extents: Iterable<Extent>,
): Reservation {
  const following = extents[Symbol.iterator]();
  let extent = following.next();
  let reserved = 0;
  let supported = true;

  const reserve = async (offset: number, length: number): Promise<void> => {
    try {
      await reserveRange(fd, offset, length);
    } catch (error) {
      supported = !isUnsupported(error);
      if (supported) throw ioError(error, { what: `reserve ${formatBytes(length)}`, path });
    }
  };
  return {
    before: async (offset) => {
      if (!supported || offset < reserved) return;
      while (extent.done !== true && endOf(extent.value) <= offset) extent = following.next();
      if (extent.done === true || offset < extent.value.offset) return;
      const left = endOf(extent.value) - offset;
      reserved = offset + Math.min(left, reserveBytes);
      if (left >= minReserveBytes) await reserve(offset, reserved - offset);
    },
    reservedUntil: () => reserved,
    releaseUnused: () => Promise.resolve(),
  };
}

/**
 * Reserves blocks like `createReservation` for a file of which only the size is known, until the
 * first hole. There it releases the reserved blocks from the start of the hole on, and reserves no
 * more. It does the same if the disk has no room for a reservation. Punching out each hole would
 * cost more than the reservation gains.
 */
export function createGuessedReservation(fd: number, path: string, sizeBytes: number): Reservation {
  const whole = createReservation(fd, path, [{ offset: 0, length: sizeBytes }]);
  let end = 0;
  let dense = true;

  const giveUp = async (): Promise<void> => {
    dense = false;
    const unusedBytes = whole.reservedUntil() - end;
    if (unusedBytes <= 0) return;
    try {
      await releaseRange(fd, end, unusedBytes);
    } catch (error) {
      const what = `release ${formatBytes(unusedBytes)} that were reserved`;
      if (!isUnsupported(error)) throw ioError(error, { what, path });
    }
  };
  return {
    before: async (offset, length) => {
      if (dense && offset > end) await giveUp();
      end = offset + length;
      if (!dense) return;
      try {
        await whole.before(offset, length);
      } catch (error) {
        // The data itself may need less than the reservation.
        if (!isStoreError(error) || error.reason !== "STORAGE_FULL") throw error;
        await giveUp();
      }
    },
    reservedUntil: whole.reservedUntil,
    releaseUnused: giveUp,
  };
}

function isUnsupported(error: unknown): boolean {
  return isErrno(error, "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL");
}
