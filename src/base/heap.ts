// How V8 sizes the heap of a program that moves bytes.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Buffers on their way count towards the limit at which V8 collects the old generation, and for a
 * program whose own objects take 10 MB that limit is about 20 MB: a full collection for every 20 MB
 * that pass, which is half of all CPU time. This lets the old generation grow to five times what was
 * alive after the last collection. A higher limit saves no CPU time and costs memory: at eleven times,
 * the upload of a file in 500,000 pieces took the daemon to 380 MiB in place of 260, all of it garbage.
 * The young generation is collected for every 32 MB of buffers, with next to no objects in it: one
 * thread does it in half the time that several take to agree. Holds for the whole process, so it is
 * the program's choice, not a library's.
 */
export function tuneCollector(): void {
  setFlagsFromString("--heap-growing-percent=400");
  setFlagsFromString("--no-parallel-scavenge");
}

/**
 * Returns a full collection, for the moment after a load that is over: with the limit of
 * `tuneCollector` its garbage may otherwise stay for a gigabyte of other traffic. Stops the process for some
 * 20 ms per 20 MB that are alive.
 */
export function fullCollection(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
