// Looks for many objects at once.
import type { Bucket } from "./bucket.js";

const requestsInFlight = 16;

/** Whether the bucket has an object under each of the keys. */
export async function allThere(
  bucket: Bucket,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const queue = keys.values();
  let missing = false;
  const work = async (): Promise<void> => {
    for (const key of queue) {
      if (missing) return;
      if ((await bucket.head(key, signal)) === undefined) missing = true;
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: requestsInFlight }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  return !missing;
}
