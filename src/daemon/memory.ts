// Gives back what thousands of streams have left in memory when they are gone.
import { fullCollection } from "../base/heap.js";
import { trimHeap } from "../sparse/native.js";

/** What has closed is let go of first. */
const settleMs = 1000;
/** Thousands of uploads that end in the same moment take some seconds for it. */
const againMs = 10_000;
/** A collection holds up all calls for a moment: not more often, whoever comes and goes. */
const intervalMs = 20_000;

/** Returns what is to be called when a crowd has gone; its work is done later. */
export function createTidying(): () => void {
  const collect = fullCollection();
  let lastMs = -Infinity;
  let isDue = false;
  const tidy = (): void => {
    collect();
    // Buffers are let go of by another thread, behind the collection.
    later(trimHeap, settleMs);
  };
  return () => {
    if (isDue) return;
    isDue = true;
    later(
      () => {
        isDue = false;
        lastMs = performance.now();
        tidy();
        later(tidy, againMs);
      },
      Math.max(settleMs, lastMs + intervalMs - performance.now()),
    );
  };
}

function later(work: () => void, inMs: number): void {
  setTimeout(work, inMs).unref();
}
