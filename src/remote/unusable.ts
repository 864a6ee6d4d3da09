// Tells apart what a caller can do without: objects that are missing or damaged.
import { isStoreError } from "../base/errors.js";

/** Returns whether the error says that an object is missing or is not what stasis has written. */
export function isUnusable(error: unknown): boolean {
  return isStoreError(error, "REMOTE_COPY_MISSING") || isStoreError(error, "REMOTE_DATA_INVALID");
}

/** Calls `read`. Returns undefined if the object is missing. */
export async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isStoreError(error, "REMOTE_COPY_MISSING")) return undefined;
    throw error;
  }
}
