// Digests for snapshots that were taken over by rename: computed afterwards, one at a time, in
// the background. A deletion interrupts it; the next start resumes what is left.
import { isStoreError } from "../../base/errors.js";
import { snapshotDigest } from "../../files/manifest.js";
import { hashStored } from "../../files/stored-hash.js";
import type { StoreContext } from "../parts/context.js";
import { syncManifest } from "./update.js";

/** Queues the computation of the digests of one snapshot. */
export function backfillDigest(context: StoreContext, id: string): void {
  context.background(`digest ${id}`, () =>
    // One key for all: hashing two snapshots at once would only compete for the disk.
    context.manifests.run("digest", () => computeDigest(context, id)),
  );
}

async function computeDigest(context: StoreContext, id: string): Promise<void> {
  const snapshot = context.catalog.get(id);
  if (snapshot?.state !== "ready" || snapshot.digest !== "") return;
  using lease = context.leases.share(id, "background");
  const signal = AbortSignal.any([lease.signal, context.closing]);
  try {
    const files = await hashStored(context.layout, id, snapshot.files, signal);
    await context.commits.take();
    signal.throwIfAborted();
    context.catalog.setDigest(id, snapshotDigest(files), files);
    await syncManifest(context, id);
  } catch (error) {
    if (signal.aborted) return;
    if (isStoreError(error, "STORED_DATA_CORRUPT")) context.catalog.setCorrupt(id, true);
    throw error;
  }
}
