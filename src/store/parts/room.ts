// Work that must succeed on a full disk: it may use the room that the ballast takes.
import { isStoreError } from "../../base/errors.js";
import { ensureBallast, releaseBallast } from "../../files/ballast.js";
import type { Layout } from "../../files/layout.js";

/** Operations that use the room of the ballast now, by root. Nobody may refill it meanwhile. */
const users = new Map<string, number>();

/** Runs `work`; when it fails with STORAGE_FULL, gives up the ballast and runs it once more. */
export async function withBallast<T>(layout: Layout, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
  }
  users.set(layout.root, (users.get(layout.root) ?? 0) + 1);
  try {
    await releaseBallast(layout);
    return await work();
  } finally {
    const left = (users.get(layout.root) ?? 1) - 1;
    if (left > 0) users.set(layout.root, left);
    else users.delete(layout.root);
  }
}

/**
 * Makes the missing parts of the ballast, unless an operation uses its room. False if the disk has
 * no room for them.
 */
export async function refillBallast(layout: Layout): Promise<boolean> {
  return users.has(layout.root) ? true : ensureBallast(layout);
}
