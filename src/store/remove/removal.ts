// How a snapshot goes: tombstone in the catalog, directory to the trash, bytes when the last
// reader has ended, row last. Recovery finishes whatever was interrupted.
import { StoreError, isStoreError } from "../../base/errors.js";
import { putAway, purgeRemoved } from "../../files/removal.js";
import type { StoreContext } from "../parts/context.js";
import { refillBallast, withBallast } from "../parts/room.js";

export interface DeleteRequest {
  readonly refs: readonly string[];
  readonly allowMissing: boolean;
}

const maxRefs = 1000;

/**
 * Deletes all snapshots that the refs mean, or none. Returns their ids in the order of the refs.
 * When it returns they are durably gone; their space follows when running reads have ended.
 */
export async function deleteSnapshots(
  context: StoreContext,
  request: DeleteRequest,
): Promise<string[]> {
  await context.commits.take();
  const ids = resolveAll(context, request);
  for (const id of ids) refuseInUse(context, id);
  await markDeleting(context, ids);
  for (const id of ids) await detach(context, id);
  return ids;
}

/** Finishes the removal of a snapshot that a transaction has already taken from the callers. */
export function removeInBackground(
  context: StoreContext,
  replaced: { id: string; state: "deleting" | "replaced" },
): void {
  const { id } = replaced;
  if (replaced.state === "deleting") {
    context.space.freeing.begin(id);
    context.background(`remove ${id}`, () => detach(context, id));
    return;
  }
  context.leases.onFree(id, () => {
    context.background(`remove ${id}`, async () => {
      await context.commits.take();
      await markDeleting(context, [id]);
      await detach(context, id);
    });
  });
}

function resolveAll(context: StoreContext, request: DeleteRequest): string[] {
  const { refs, allowMissing } = request;
  if (refs.length === 0 || refs.length > maxRefs) {
    throw new StoreError("FIELD_INVALID", `refs: expected 1 to ${maxRefs}, got ${refs.length}`, {
      fields: [{ field: "refs", description: `expected 1 to ${maxRefs} refs` }],
    });
  }
  const ids = new Set<string>();
  for (const ref of refs) {
    try {
      ids.add(isLost(context, ref) ? ref : context.catalog.resolveRef(ref).config.id);
    } catch (error) {
      if (!(allowMissing && isStoreError(error, "SNAPSHOT_NOT_FOUND"))) throw error;
    }
  }
  return [...ids];
}

/** Nothing else can be done with a lost snapshot, and only its id still means it. */
function isLost(context: StoreContext, ref: string): boolean {
  return context.catalog.get(ref)?.state === "lost";
}

function refuseInUse(context: StoreContext, id: string): void {
  const holders = context.leases.count(id, "directory");
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
 * Removes a snapshot that nobody asked to delete. `refuse` is asked in the same turn as the
 * tombstone is written, so that nobody can take a lease in between; what it says is returned.
 */
export async function evict<Refusal>(
  context: StoreContext,
  id: string,
  refuse: () => Refusal | undefined,
): Promise<Refusal | undefined> {
  await context.commits.take();
  const refusal = await withBallast(context.layout, () => {
    const refusal = refuse();
    if (refusal === undefined) context.catalog.markDeleting([id], { evicted: true });
    return refusal;
  });
  if (refusal === undefined) await detach(context, id);
  return refusal;
}

/** On a full disk the tombstone needs room: the ballast gives it. */
async function markDeleting(context: StoreContext, ids: readonly string[]): Promise<void> {
  await withBallast(context.layout, () => {
    context.catalog.markDeleting(ids);
  });
}

async function detach(context: StoreContext, id: string): Promise<void> {
  const { freeing } = context.space;
  context.leases.interruptBackground(id);
  if (context.leases.inUse(id)) freeing.end(id);
  else freeing.begin(id);
  try {
    await putAway(context.layout, id);
  } catch (error) {
    freeing.end(id);
    throw error;
  }
  context.leases.onFree(id, () => {
    freeing.begin(id);
    context.background(`purge ${id}`, async () => {
      try {
        await purgeRemoved(context.layout, id);
        await context.commits.take();
        context.catalog.removeRow(id);
        await refillBallast(context.layout);
      } finally {
        freeing.end(id);
      }
    });
  });
}
