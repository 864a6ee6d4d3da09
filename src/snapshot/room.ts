// Work that must succeed on a full disk: it may use the room that the ballast takes.
import { isStoreError } from "../base/errors.js";
import { releaseBallast } from "../data/ballast.js";
import type { Layout } from "../data/layout.js";

/** Runs `work`; when it fails with STORAGE_FULL, gives up the ballast and runs it once more. */
export async function withBallast<T>(layout: Layout, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
    await releaseBallast(layout);
    return await work();
  }
}
