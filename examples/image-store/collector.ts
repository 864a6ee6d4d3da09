// Runs one collection over both modules, snapshots and image blobs: lock, read references, resolve,
// collect, unlock. A process may be killed after any step. A blob that a snapshot pins is never
// deleted.
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
    // The holder of the session also holds the lock on the blobs.
    await blobs.putBackAll();
    let pinned = await session.references();
    const snapshots = await session.collectSnapshots(policy);
    // A collected snapshot may have pinned blobs that can now go in the same cycle.
    if (snapshots.length > 0) pinned = await session.references();
    return { kind: "done", snapshots, blobs: await collectBlobs(session, blobs, pinned) };
  } catch (error) {
    // Nothing is lost, because the next cycle finds the same garbage.
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
    // While the session is open, no new pin can appear. This call proves that the session stayed
    // open until all unpinned blobs had been moved aside. A program that pins one of these blobs
    // later checks it afterwards, and sees that it is gone.
    await session.renew();
  } catch (error) {
    await blobs.putBack(epoch);
    throw error;
  }
  return await blobs.deleteCondemned(epoch);
}
