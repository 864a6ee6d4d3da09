// Gives back what a crowd of streams has left in memory when it is gone.
import { fullCollection } from "../base/heap.js";
import { trimHeap } from "../holes/native.js";

/** Closed streams are released before the collection runs. */
const settleMs = 1000;
/** Thousands of uploads that end in the same moment take some seconds for it. */
const againMs = 10_000;
/** A collection holds up all calls for a moment: not more often, whoever comes and goes. */
const intervalMs = 10_000;
/** A collection has to be worth its cost: small bursts of streams are frequent. */
const worthBytes = 16 * 1024 * 1024;

/** Returns what is to be called when a crowd has gone; its work is done later. */
export function createTidying(): () => void {
  const collect = fullCollection();
  let lastMs = -Infinity;
  let isDue = false;
  /** What the process had after the last time. */
  let leftBytes = process.memoryUsage.rss();
  const tidy = (): void => {
    if (process.memoryUsage.rss() < leftBytes + worthBytes) return;
    lastMs = performance.now();
    collect();
    // Another thread releases the buffers, after the collection.
    later(() => {
      trimHeap();
      leftBytes = process.memoryUsage.rss();
    }, settleMs);
  };
  return () => {
    if (isDue) return;
    isDue = true;
    later(
      () => {
        isDue = false;
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
