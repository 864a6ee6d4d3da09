// Stores a snapshot that pins blobs. It pins first, and checks the blobs afterwards.
import { setTimeout as pause } from "node:timers/promises";
import { isStoreError, type Client, type CreateHeaderInit, type Snapshot } from "stasis";
import type { BlobDirectory } from "./blob-directory.js";

export class BlobGone extends Error {
  override readonly name = "BlobGone";
}

/**
 * Stores a snapshot that pins the blobs in `header.config.imageBlobIds`. Once the daemon has stored
 * the snapshot, no collection takes one of them. If a collection has taken one before, this
 * function deletes the snapshot again and throws BlobGone. `bytes` is called for each attempt.
 */
export async function storePinning(
  client: Client,
  blobs: BlobDirectory,
  header: CreateHeaderInit,
  bytes: () => AsyncIterable<Uint8Array>,
): Promise<Snapshot> {
  const snapshot = await storeWhenOpen(client, header, bytes);
  const { id = "", imageBlobIds = [] } = snapshot.config ?? {};
  for (const blob of imageBlobIds) {
    if (await blobs.has(blob)) continue;
    await client.delete({ refs: [id], allowMissing: true });
    throw new BlobGone(`blob ${blob} is gone: fetch the image again`);
  }
  return snapshot;
}

/**
 * Stores the snapshot. While a GC session is open, the daemon pauses publication. This function
 * then retries when BLOCKED_BY_GC allows it.
 */
async function storeWhenOpen(
  client: Client,
  header: CreateHeaderInit,
  bytes: () => AsyncIterable<Uint8Array>,
): Promise<Snapshot> {
  for (;;) {
    try {
      const { snapshot } = await client.create(header, bytes());
      if (snapshot === undefined) throw new Error("the daemon answered without a snapshot");
      return snapshot;
    } catch (error) {
      if (!isStoreError(error, "BLOCKED_BY_GC")) throw error;
      await pause(error.retryAfterMs ?? 1000);
    }
  }
}
