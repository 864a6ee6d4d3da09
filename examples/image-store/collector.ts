// One collection over both modules, snapshots and image blobs: lock, read what is used, resolve,
// collect, unlock. It may be killed after any step; a blob that a snapshot pins is never deleted.
import { isStoreError, type Client } from "stasis";
import type { BlobDirectory } from "./blob-directory.js";
import { GcSession, isAnswerLost, type EvictionPolicy, type SessionOptions } from "./session.js";

export type CycleResult =
  | { readonly kind: "busy"; readonly owner: string; readonly retryAfterMs: number }
  | { readonly kind: "expired" }
  | { readonly kind: "unreachable"; readonly message: string }
  | {
      readonly kind: "done";
      readonly snapshots: readonly string[];
      readonly blobs: readonly string[];
    };

export async function collectOnce(
  client: Client,
  blobs: BlobDirectory,
  { policy = {}, ...options }: SessionOptions & { readonly policy?: EvictionPolicy },
): Promise<CycleResult> {
  try {
    await using session = await GcSession.begin(client, options);
    // With the session the lock on the blobs is ours too.
    await blobs.putBackAll();
    let pinned = await session.references();
    const snapshots = await session.collectSnapshots(policy);
    // What went has pinned blobs that may go in the same cycle.
    if (snapshots.length > 0) pinned = await session.references();
    return { kind: "done", snapshots, blobs: await collectBlobs(session, blobs, pinned) };
  } catch (error) {
    // Nothing is lost: the next cycle finds the same garbage.
    if (isStoreError(error, "GC_LOCK_BUSY")) {
      const { metadata, retryAfterMs = options.ttlMs } = error;
      return { kind: "busy", owner: metadata["owner"] ?? "the daemon", retryAfterMs };
    }
    if (isStoreError(error, "GC_SESSION_FENCED")) return { kind: "expired" };
    if (isAnswerLost(error)) return { kind: "unreachable", message: error.message };
    throw error;
  }
}

async function collectBlobs(
  session: GcSession,
  blobs: BlobDirectory,
  pinned: ReadonlySet<string>,
): Promise<string[]> {
  const { epoch } = session;
  await blobs.beginCondemning(epoch);
  try {
    for (const id of await blobs.ids()) {
      if (!pinned.has(id)) await blobs.condemn(id, epoch);
    }
    // While the session is open nothing new can be pinned. Now we know that it was open until all
    // of them had been moved aside; a program that pins one from here on checks afterwards, and
    // sees that it is gone.
    await session.renew();
  } catch (error) {
    await blobs.putBack(epoch);
    throw error;
  }
  return await blobs.deleteCondemned(epoch);
}
