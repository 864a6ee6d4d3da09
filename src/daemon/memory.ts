// Gives back what thousands of streams have left in memory when they are gone.
import { fullCollection } from "../base/heap.js";
import { trimHeap } from "../sparse/native.js";

/** What has closed is let go of first. */
const settleMs = 1000;
/** A collection holds up all calls for a moment: not more often, whoever comes and goes. */
const intervalMs = 20_000;

/** Returns what is to be called when a crowd has gone; its work is done later. */
export function createTidying(): () => void {
  const collect = fullCollection();
  let lastMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const tidy = (): void => {
    timer = undefined;
    lastMs = performance.now();
    collect();
    // Buffers are let go of by another thread, behind the collection.
    setTimeout(trimHeap, settleMs).unref();
  };
  return () => {
    const inMs = Math.max(settleMs, lastMs + intervalMs - performance.now());
    timer ??= setTimeout(tidy, inMs).unref();
  };
}
