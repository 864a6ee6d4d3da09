// Tunes V8's heap for a program that moves bytes.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Sets V8's limits for buffers in transit. Such buffers count towards the limit at which V8
 * collects the old generation. For a program whose own objects take 10 MB that limit is about 20
 * MB. Every 20 MB of traffic therefore causes a full collection, and the collections take half of
 * all CPU time. This setting lets the old generation grow to five times what was alive after the
 * last collection. A higher limit saves no CPU time and costs memory. At eleven times, the upload
 * of a file in 500,000 pieces took the daemon to 380 MiB instead of 260 MiB; the difference was
 * garbage. The young generation is collected for every 32 MB of buffers and contains almost no
 * objects. One thread does this in half the time that several threads need to coordinate. The
 * setting applies to the whole process, so only a program makes this choice, never a library.
 */
export function tuneCollector(): void {
  setFlagsFromString("--heap-growing-percent=400");
  setFlagsFromString("--no-parallel-scavenge");
}

/**
 * Returns a function that runs a full collection, for the moment after a load has ended. With the
 * limit of `tuneCollector`, the garbage of the load could otherwise stay for a gigabyte of other
 * traffic. The collection stops the process for some 20 ms per 20 MB of live memory.
 */
export function fullCollection(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
