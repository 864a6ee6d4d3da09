// Storing a snapshot that pins blobs: pin first, look afterwards.
import { setTimeout as pause } from "node:timers/promises";
import { isStoreError, type Client, type CreateHeaderInit, type Snapshot } from "stasis";
import type { BlobDirectory } from "./blob-directory.js";

export class BlobGone extends Error {
  override readonly name = "BlobGone";
}

/**
 * `header.config.imageBlobIds` are what it pins. Once the daemon has stored the snapshot no
 * collection takes a blob of it any more. One may have been taken before: then the snapshot is
 * deleted again and BlobGone is thrown. `bytes` is called for each attempt.
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
 * While a collection is open the daemon publishes nothing: BLOCKED_BY_GC says when to come again.
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
