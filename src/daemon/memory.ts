// Returns the memory of ended streams to the system.
import { fullCollection } from "../base/heap.js";
import { trimHeap } from "../holes/native.js";

/** Delay after which closed streams have been released and a collection can run. */
const settleMs = 1000;
/**
 * Delay before a second collection, because thousands of uploads that end at the same moment take
 * some seconds to be released.
 */
const againMs = 10_000;
/** Minimum time between two collections, because each pauses all calls for a moment. */
const intervalMs = 10_000;
/**
 * Growth of memory that is worth a collection. Small bursts of streams are frequent and not worth
 * one.
 */
const worthBytes = 16 * 1024 * 1024;

/** Returns a function to call when many streams have ended. The function does its work later. */
export function createTidying(): () => void {
  const collect = fullCollection();
  let lastMs = -Infinity;
  let isDue = false;
  /** The process's memory after the previous collection. */
  let leftBytes = process.memoryUsage.rss();
  const tidy = (): void => {
    if (process.memoryUsage.rss() < leftBytes + worthBytes) return;
    lastMs = performance.now();
    collect();
    // Another thread releases the buffers after the collection.
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
