// The memory of a process that moves gigabytes through buffers of half a megabyte.
import { tuneCollector } from "../base/heap.js";
import { keepFreedMemory, trimHeap } from "./native.js";

/** Freed memory that stays with the process. */
const keptBytes = 32 * 1024 * 1024;
/** Above every buffer of a transfer. */
const blockBytes = 8 * 1024 * 1024;

/**
 * Has buffers that are freed be used again: V8 then collects less often (base/heap.ts), and the C
 * library gives less back to the kernel, which would have to clear it for the next buffer. Saves a
 * tenth to a half of the CPU time of a transfer. It holds for the whole process, so it is the
 * program's choice, not a library's: call it once at the start.
 */
export function prepareForBulk(): void {
  tuneCollector();
  keepFreedMemory(keptBytes, blockBytes);
  keepsFreed = true;
}

let keepsFreed = false;
let isTrimDue = false;
/** Trimming holds everybody up for some milliseconds: not more often, whoever comes and goes. */
const trimAfterMs = 2000;

/**
 * Call it when memory was freed that will not be needed soon: the system gets it within seconds.
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
