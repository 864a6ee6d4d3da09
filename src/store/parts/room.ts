// Runs work that must succeed on a full disk. Such work may use the space of the ballast.
import { isStoreError } from "../../base/errors.js";
import { ensureBallast, releaseBallast } from "../../files/ballast.js";
import type { Layout } from "../../files/layout.js";

/**
 * Number of operations that use the space of the ballast now, by root. Nobody may refill the
 * ballast meanwhile.
 */
const users = new Map<string, number>();

/** Runs `work`. If it fails with STORAGE_FULL, deletes the ballast and runs `work` once more. */
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
 * Makes the missing parts of the ballast, unless an operation uses its space. Returns false if the
 * disk has no space for them.
 */
export async function refillBallast(layout: Layout): Promise<boolean> {
  return users.has(layout.root) ? true : ensureBallast(layout);
}
