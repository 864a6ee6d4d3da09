// Writing what is large past the page cache (O_DIRECT, open(2)). The disk takes it from memory of
// ours, several writes at once, and none of it has to be copied into pages that the kernel must
// find, write back and forget: a seventh of the CPU time of an upload. What O_DIRECT cannot take,
// parts of pages and small runs between holes, goes the ordinary way.
import { closeSync, constants, openSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import { isErrno } from "./errno.js";
import { alignedMemory } from "./native.js";
import type { WriteObserver } from "./sparse-writer.js";

/**
 * Offsets, lengths and memory are multiples of it: enough for every disk, and for most filesystems.
 */
const pageBytes = 4096;
/** Less is not worth a request to the disk of its own. */
const minDirectBytes = 256 * 1024;
/** A larger write is not faster. */
const slotBytes = 1024 * 1024;
/**
 * Enough to go on with while the disk, or a core for the thread that asks it, lets one wait for
 * some milliseconds.
 */
const slotCount = 8;
/**
 * At once, of all threads together. More are not faster, and one of Node's own four threads stays
 * free for others.
 */
export const maxDirectWrites = 3;
/** The observer gets what was copied while it is in the processor's cache. */
const stepBytes = 256 * 1024;

/** How many more writes of all threads may be under way on Node's own threads. */
export interface Budget {
  readonly shared: SharedArrayBuffer;
  tryTake(): boolean;
  give(): void;
}

export function createBudget(count: number): Budget {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(shared).fill(count);
  return openBudget(shared);
}

/** In another thread. */
export function openBudget(shared: SharedArrayBuffer): Budget {
  const left = new Int32Array(shared);
  return {
    shared,
    tryTake: () => {
      if (Atomics.sub(left, 0, 1) > 0) return true;
      Atomics.add(left, 0, 1);
      return false;
    },
    give: () => void Atomics.add(left, 0, 1),
  };
}

/** The memory that is written from: for all files of a thread. */
export interface Slots {
  /** Returns the number of bytes that were written. */
  write(fd: number, bytes: Uint8Array, offset: number): Promise<number>;
  take(): Promise<Uint8Array>;
  give(slot: Uint8Array): void;
}

export function createSlots(budget: Budget): Slots {
  const memory = alignedMemory(slotCount * slotBytes);
  const free = Array.from({ length: slotCount }, (_, index) =>
    memory.subarray(index * slotBytes, (index + 1) * slotBytes),
  );
  const waiting: ((slot: Uint8Array) => void)[] = [];
  return {
    write: createQueue(budget),
    take: async () =>
      free.pop() ?? (await new Promise<Uint8Array>((resolve) => waiting.push(resolve))),
    give: (slot) => {
      const next = waiting.shift();
      // The one that was used last is the one in the cache.
      if (next === undefined) free.push(slot);
      else next(slot);
    },
  };
}

/** One call at a time. */
export interface DirectWriter {
  /**
   * Writes at or after the end of the write before. Resolves when `bytes` may be used again, to a
   * promise of their way to the disk. Up to a page of them may wait for those behind them, or for
   * `settle`.
   */
  write(offset: number, bytes: Uint8Array): Promise<{ readonly written: Promise<unknown> }>;
  /**
   * Writes what waits, and ends when nothing is under way: with the first error of any write, if
   * there was one.
   */
  settle(): Promise<void>;
}

/**
 * Of a new file that is open for writing at `fd`, which must stay open until it is settled, and has
 * the name `path`. `observer` sees all bytes in ascending order.
 */
export function createDirectWriter(
  fd: number,
  path: string,
  slots: Slots,
  observer: WriteObserver,
): DirectWriter {
  const running = new Set<Promise<unknown>>();
  const carry = new Uint8Array(pageBytes);
  let carryOffset = 0;
  let carriedBytes = 0;
  let directFd: number | undefined;
  /** This filesystem has no such writes, or wants other offsets. */
  let refused = false;
  let failure: { readonly error: unknown } | undefined;

  const writeCached = (offset: number, bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    writeFully(fd, bytes, offset);
    observer.update(offset, bytes);
  };
  const writeCarried = (): void => {
    const bytes = carry.subarray(0, carriedBytes);
    carriedBytes = 0;
    writeCached(carryOffset, bytes);
  };
  const openDirect = (): number | undefined => {
    if (refused) return undefined;
    try {
      const { O_DIRECT, O_NOFOLLOW, O_WRONLY } = constants;
      return (directFd ??= openSync(path, O_WRONLY | O_DIRECT | O_NOFOLLOW));
    } catch {
      refused = true;
      return undefined;
    }
  };
  /** Moves what is carried and then `bytes` into the slot. */
  const fill = (slot: Uint8Array, offset: number, bytes: Uint8Array): void => {
    slot.set(carry.subarray(0, carriedBytes));
    const length = carriedBytes + bytes.length;
    for (let seen = 0, filled = carriedBytes; seen < length;) {
      const next = Math.min(length, seen + stepBytes - ((offset + seen) % stepBytes));
      slot.set(bytes.subarray(filled - carriedBytes, next - carriedBytes), filled);
      observer.update(offset + seen, slot.subarray(seen, next));
      seen = filled = next;
    }
    carriedBytes = 0;
  };
  const writeSlot = async (direct: number, slot: Uint8Array, offset: number, length: number) => {
    try {
      const done = await writeDirectly(slots, direct, slot.subarray(0, length), offset);
      if (done === undefined) refused = true;
      writeFully(fd, slot.subarray(done ?? 0, length), offset + (done ?? 0));
    } finally {
      slots.give(slot);
    }
  };
  /**
   * Takes from the beginning of `bytes` what can be written directly; returns the number of bytes.
   */
  const writeLarge = async (
    offset: number,
    bytes: Uint8Array,
    started: (written: Promise<void>) => void,
  ): Promise<number> => {
    for (let done = 0; ;) {
      const leftBytes = carriedBytes + bytes.length - done;
      const direct = leftBytes < minDirectBytes ? undefined : openDirect();
      if (direct === undefined) return done;
      const length = Math.min(slotBytes, leftBytes - (leftBytes % pageBytes));
      const slot = await slots.take();
      const start = offset + done - carriedBytes;
      const next = done + length - carriedBytes;
      try {
        fill(slot, start, bytes.subarray(done, next));
      } catch (error) {
        slots.give(slot);
        throw error;
      }
      started(writeSlot(direct, slot, start, length));
      done = next;
    }
  };
  return {
    async write(offset, bytes) {
      if (offset !== carryOffset + carriedBytes) writeCarried();
      const firstPage = carriedBytes > 0 ? 0 : (pageBytes - (offset % pageBytes)) % pageBytes;
      const aligned = bytes.subarray(firstPage);
      writeCached(offset, bytes.subarray(0, firstPage));
      const writes: Promise<void>[] = [];
      const done = await writeLarge(offset + firstPage, aligned, (write) => {
        writes.push(write);
        running.add(write);
        write
          .catch((error: unknown) => (failure ??= { error }))
          .finally(() => running.delete(write));
      });
      const rest = aligned.subarray(done);
      const restOffset = offset + firstPage + done;
      if (writes.length > 0 && rest.length < pageBytes) {
        carry.set(rest);
        [carryOffset, carriedBytes] = [restOffset, rest.length];
      } else {
        writeCarried();
        writeCached(restOffset, rest);
      }
      return { written: Promise.all(writes) };
    },
    async settle() {
      try {
        writeCarried();
      } finally {
        await Promise.allSettled(running);
        if (directFd !== undefined) closeSync(directFd);
        directFd = undefined;
      }
      if (failure !== undefined) throw failure.error;
    },
  };
}

function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

const writeAsync = promisify(write);

/**
 * Writes beyond the budget wait for those of the same thread. Where others have all of it, a thread
 * waits for the disk itself.
 */
function createQueue(budget: Budget): Slots["write"] {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (fd, bytes, offset) => {
    let taken = budget.tryTake();
    while (!taken && running > 0) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      taken = budget.tryTake();
    }
    try {
      if (!taken) return writeSync(fd, bytes, 0, bytes.length, offset);
      running += 1;
      return (await writeAsync(fd, bytes, 0, bytes.length, offset)).bytesWritten;
    } finally {
      if (taken) {
        running -= 1;
        budget.give();
      }
      // Each finished write wakes one waiter, so a waiter only waits for this thread's writes.
      waiting.shift()?.();
    }
  };
}

/** The bytes that were written, undefined where the filesystem does not take them like this. */
async function writeDirectly(
  slots: Slots,
  fd: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | undefined> {
  try {
    return await slots.write(fd, bytes, offset);
  } catch (error) {
    if (isErrno(error, "EINVAL", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}
