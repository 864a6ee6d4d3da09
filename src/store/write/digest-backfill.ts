// Computes digests for snapshots that were stored without them, for example because their files
// were taken over by rename. The computation follows in the background, for one snapshot at a time.
// A deletion interrupts it. The next start computes the digests that a stop has left missing.
import { isStoreError } from "../../base/errors.js";
import { snapshotDigest } from "../../files/manifest.js";
import { hashStored } from "../../files/stored-hash.js";
import type { Publisher } from "./publisher.js";
import { syncManifest } from "./update.js";

/** Queues the computation of the digests of one snapshot. */
export function backfillDigest(publisher: Publisher, id: string): void {
  publisher.background(`digest ${id}`, () =>
    // All snapshots use one key: hashing two at once would only compete for the disk.
    publisher.manifests.run("digest", () => computeDigest(publisher, id)),
  );
}

async function computeDigest(publisher: Publisher, id: string): Promise<void> {
  const snapshot = publisher.catalog.get(id);
  if (snapshot?.state !== "ready" || snapshot.digest !== "") return;
  // Under an exclusive lease, the snapshot is about to leave the store. If it stays after all, its
  // digest is queued again.
  if (publisher.leases.isExclusive(id)) return;
  using lease = publisher.leases.share(id, "background", "digest");
  const signal = AbortSignal.any([lease.signal, publisher.closing]);
  try {
    const files = await hashStored(publisher.layout, id, snapshot.files, signal);
    await publisher.commits.take();
    signal.throwIfAborted();
    publisher.catalog.setDigest(id, snapshotDigest(files), files);
    await syncManifest(publisher, id);
  } catch (error) {
    if (signal.aborted) return;
    if (isStoreError(error, "STORED_DATA_CORRUPT")) publisher.catalog.setCorrupt(id, true);
    throw error;
  }
}
