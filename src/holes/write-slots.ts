// Provides the memory for direct writes, and bounds how many of them run at once.
import { write, writeSync } from "node:fs";
import { promisify } from "node:util";
import { alignedMemory } from "./native.js";

/** A larger direct write is not faster. */
export const slotBytes = 1024 * 1024;
/**
 * Number of slots: enough to continue while the disk, or a busy core, makes a thread wait for some
 * milliseconds.
 */
const slotCount = 8;
/**
 * Maximum direct writes of all threads together. More writes are not faster, and one of Node's four
 * pool threads stays free for other work.
 */
export const maxDirectWrites = 3;

/** A counting semaphore that all threads share. */
export interface ThreadSemaphore {
  readonly shared: SharedArrayBuffer;
  tryAcquire(): boolean;
  release(): void;
}

export function createThreadSemaphore(count: number): ThreadSemaphore {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(shared).fill(count);
  return openThreadSemaphore(shared);
}

/** Opens the semaphore that another thread created. */
export function openThreadSemaphore(shared: SharedArrayBuffer): ThreadSemaphore {
  const left = new Int32Array(shared);
  return {
    shared,
    tryAcquire: () => {
      if (Atomics.sub(left, 0, 1) > 0) return true;
      Atomics.add(left, 0, 1);
      return false;
    },
    release: () => void Atomics.add(left, 0, 1),
  };
}

/** The slots of one thread, for all of its files. */
export interface WriteSlots {
  /** Acquires a slot. Resolves when one is free. */
  acquire(): Promise<Uint8Array>;
  release(slot: Uint8Array): void;
  /** Writes the bytes, perhaps only a part of them, and returns the number of bytes written. */
  write(fd: number, bytes: Uint8Array, offset: number): Promise<number>;
}

export function createWriteSlots(semaphore: ThreadSemaphore): WriteSlots {
  const memory = alignedMemory(slotCount * slotBytes);
  const free = Array.from({ length: slotCount }, (_, index) =>
    memory.subarray(index * slotBytes, (index + 1) * slotBytes),
  );
  const waiting: ((slot: Uint8Array) => void)[] = [];
  return {
    write: createBoundedWrite(semaphore),
    acquire: async () =>
      free.pop() ?? (await new Promise<Uint8Array>((resolve) => waiting.push(resolve))),
    release: (slot) => {
      const next = waiting.shift();
      // Slots are used last in, first out, because the last used slot is in the processor's cache.
      if (next === undefined) free.push(slot);
      else next(slot);
    },
  };
}

const writeAsync = promisify(write);

/**
 * Returns a write function that respects the semaphore. A write without a permit waits while its
 * own thread has a write running. If its thread has no write running, it writes synchronously,
 * because no other thread can wake it.
 */
function createBoundedWrite(semaphore: ThreadSemaphore): WriteSlots["write"] {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (fd, bytes, offset) => {
    let acquired = semaphore.tryAcquire();
    while (!acquired && running > 0) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      acquired = semaphore.tryAcquire();
    }
    try {
      if (!acquired) return writeSync(fd, bytes, 0, bytes.length, offset);
      running += 1;
      return (await writeAsync(fd, bytes, 0, bytes.length, offset)).bytesWritten;
    } finally {
      if (acquired) {
        running -= 1;
        semaphore.release();
      }
      // Each finished write wakes one waiter, so a waiter only ever waits for this thread's writes.
      waiting.shift()?.();
    }
  };
}
