// Looks for many objects at once.
import { requestEach, smallRequests } from "./request-each.js";
import type { Bucket } from "./s3/bucket.js";

/** Returns whether the bucket has an object under each of the keys. */
export function allThere(
  bucket: Bucket,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  return allAre(true, bucket, keys, signal);
}

/** Returns whether the bucket has no object under any of the keys. */
export function noneThere(
  bucket: Bucket,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  return allAre(false, bucket, keys, signal);
}

async function allAre(
  there: boolean,
  bucket: Bucket,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  let differs = false;
  await requestEach(smallRequests, keys, async (key) => {
    // The answer is known, so the rest is not looked at.
    if (differs) return;
    if (((await bucket.head(key, signal)) !== undefined) !== there) differs = true;
  });
  return !differs;
}
