// Tunes the memory of a process that moves gigabytes through buffers of half a megabyte.
import { tuneCollector } from "../base/heap.js";
import { keepFreedMemory, trimHeap } from "./native.js";

/** Bytes of freed memory that the process keeps. */
const keptBytes = 32 * 1024 * 1024;
/** Blocks below this size come from the heap. It is larger than any buffer of a transfer. */
const blockBytes = 8 * 1024 * 1024;

/**
 * Makes the process reuse freed buffers. V8 collects less often (base/heap.ts), and the C library
 * returns less memory to the kernel, which would have to clear it for the next buffer. This saves a
 * tenth to a half of the CPU time of a transfer. It changes the whole process, so a program calls
 * it once at its start, and a library never calls it.
 */
export function prepareForBulk(): void {
  tuneCollector();
  keepFreedMemory(keptBytes, blockBytes);
  keepsFreed = true;
}

let keepsFreed = false;
let isTrimDue = false;
/** Minimum time between two trims, because each trim stops the process for some milliseconds. */
const trimAfterMs = 2000;

/**
 * Returns freed memory to the system within seconds. Call this when memory was freed that will not
 * be needed soon. Has no effect before `prepareForBulk`.
 */
export function returnFreedMemory(): void {
  if (!keepsFreed || isTrimDue) return;
  isTrimDue = true;
  const trim = (): void => {
    isTrimDue = false;
    trimHeap();
  };
  setTimeout(trim, trimAfterMs).unref();
}
