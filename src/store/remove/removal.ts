// Removes deleted, evicted and replaced snapshots in four steps. The catalog gets a tombstone; the
// directory moves to the trash; the bytes are deleted after the last reader has ended; then the row
// is deleted. Recovery finishes interrupted removals. On a full disk the tombstone uses the space
// of the ballast.
import { StoreError, isStoreError } from "../../base/errors.js";
import { putAway, purgeRemoved } from "../../files/removal.js";
import { inSpan } from "../../observe/spans.js";
import type { Remover } from "./remover.js";
import { refillBallast, withBallast } from "../parts/room.js";

export interface DeleteRequest {
  readonly refs: readonly string[];
  readonly allowMissing: boolean;
}

const maxRefs = 1000;

/**
 * Deletes all snapshots that the refs name, or no snapshot at all. Returns their ids in the order
 * of the refs. When it returns, the deletion is durable. The space becomes free when running reads
 * have ended.
 */
export async function deleteSnapshots(remover: Remover, request: DeleteRequest): Promise<string[]> {
  const ids = await inSpan("tombstone", { "stasis.snapshots": request.refs.length }, async () => {
    await remover.commits.take();
    // All steps run in one tick, so that nobody can acquire a lease in between. If the ballast has
    // to be released, all steps run again.
    return await withBallast(remover.layout, () => {
      const ids = resolveAll(remover, request);
      for (const id of ids) refuseInUse(remover, id);
      remover.catalog.markDeleting(ids);
      return ids;
    });
  });
  for (const id of ids) await detach(remover, id);
  return ids;
}

/** Finishes the removal of a snapshot that a transaction has already hidden from callers. */
export function removeInBackground(
  remover: Remover,
  replaced: { id: string; state: "deleting" | "replaced" },
): void {
  const { id } = replaced;
  if (replaced.state === "deleting") {
    remover.space.freeing.begin(id);
    remover.background(`remove ${id}`, () => detach(remover, id));
    return;
  }
  remover.leases.onFree(id, () => {
    remover.background(`remove ${id}`, async () => {
      await remover.commits.take();
      // If the state has changed, the call that moved the snapshot out of the store has removed it.
      if (remover.catalog.get(id)?.state !== "replaced") return;
      // Nobody can acquire a lease on the snapshot any more, because no ref names a replaced
      // snapshot.
      await withBallast(remover.layout, () => {
        remover.catalog.markDeleting([id]);
      });
      await detach(remover, id);
    });
  });
}

function resolveAll(remover: Remover, request: DeleteRequest): string[] {
  const { refs, allowMissing } = request;
  if (refs.length === 0 || refs.length > maxRefs) {
    throw new StoreError("FIELD_INVALID", `refs: expected 1 to ${maxRefs}, got ${refs.length}`, {
      fields: [{ field: "refs", description: `expected 1 to ${maxRefs} refs` }],
    });
  }
  const ids = new Set<string>();
  for (const ref of refs) {
    try {
      ids.add(isLost(remover, ref) ? ref : remover.catalog.resolveRef(ref).config.id);
    } catch (error) {
      if (!(allowMissing && isStoreError(error, "SNAPSHOT_NOT_FOUND"))) throw error;
    }
  }
  return [...ids];
}

/**
 * Returns whether the ref names a lost snapshot. A lost snapshot can only be deleted, and only its
 * id still names it.
 */
function isLost(remover: Remover, ref: string): boolean {
  return remover.catalog.get(ref)?.state === "lost";
}

function refuseInUse(remover: Remover, id: string): void {
  remover.leases.refuseIfExclusive(id);
  const holders = remover.leases.count(id, "directory");
  if (holders === 0) return;
  throw new StoreError(
    "SNAPSHOT_IN_USE",
    `snapshot ${id} is in use: ${holders} caller${holders === 1 ? " holds" : "s hold"} its data directory open`,
    {
      hint: "Stop the VMs that run from it, or close their OpenDataDirectory streams",
      resource: { type: "snapshot", name: id },
      metadata: { snapshot_id: id, holders: String(holders) },
    },
  );
}

/**
 * Evicts a snapshot, which no caller asked to delete. Calls `refuse` in the same tick in which it
 * writes the tombstone, so nobody can acquire a lease in between. Returns the refusal, or undefined
 * if the snapshot was evicted.
 */
export async function evict<Refusal>(
  remover: Remover,
  id: string,
  refuse: () => Refusal | undefined,
  as: "evicted" | "expired" = "evicted",
): Promise<Refusal | undefined> {
  await remover.commits.take();
  const refusal = await withBallast(remover.layout, () => {
    const refusal = refuse();
    if (refusal === undefined) remover.catalog.markDeleting([id], { as });
    return refusal;
  });
  if (refusal === undefined) await detach(remover, id);
  return refusal;
}

async function detach(remover: Remover, id: string): Promise<void> {
  const { freeing } = remover.space;
  remover.leases.interruptBackground(id);
  if (remover.leases.inUse(id)) freeing.end(id);
  else freeing.begin(id);
  try {
    await inSpan("put away", { "stasis.snapshot_id": id }, () => putAway(remover.layout, id));
  } catch (error) {
    freeing.end(id);
    throw error;
  }
  remover.leases.onFree(id, () => {
    freeing.begin(id);
    remover.background(`purge ${id}`, async () => {
      try {
        await inSpan("purge", { "stasis.snapshot_id": id }, () => purgeRemoved(remover.layout, id));
        await remover.commits.take();
        remover.catalog.removeRow(id);
        await refillBallast(remover.layout);
      } finally {
        freeing.end(id);
      }
    });
  });
}
