// Deletes the snapshots of a remote that a user names, and says what happened to each.
import type { Clock } from "../base/clock.js";
import { StoreError, isStoreError } from "../base/errors.js";
import { deleteRemote, type RemoteDeletion } from "./deletion.js";
import { snapshotKey } from "./format/keys.js";
import { isRemoteId } from "./format/remote-id.js";
import type { RemoteSnapshot } from "./listed.js";
import { describeRemote, findRemote, noSnapshots, type RemoteListing } from "./listing.js";
import type { RemoteReader } from "./remote-map.js";
import { requestEach, smallRequests } from "./request-each.js";
import type { RemoteSession } from "./session.js";
import { isUnusable } from "./unusable.js";

interface RemovalRequest {
  readonly refs: readonly string[];
  /** If true, refs that match nothing are skipped. */
  readonly allowMissing: boolean;
}

/** What a ref names. */
interface NamedSnapshot {
  readonly ref: string;
  /** Id of the snapshot at the remote. Undefined if the ref matches no snapshot. */
  readonly id: string | undefined;
  /** Undefined if there is no snapshot, or if its commit object cannot be read. */
  readonly snapshot: Pick<RemoteSnapshot, "manifest" | "nodeId" | "pushedAt"> | undefined;
}

export interface RemoteRemoval extends NamedSnapshot {
  /** `kept` means that nodes depend on the snapshot. */
  readonly outcome: "deleted" | "kept" | "missing" | "failed";
  /** Why the snapshot was not deleted. Undefined if it was deleted or is missing. */
  readonly problem: StoreError | undefined;
  /** Ids of the nodes that depend on the snapshot. */
  readonly holders: readonly string[];
}

/**
 * Deletes the snapshots. Finds all of them before it deletes the first one, and throws
 * SNAPSHOT_NOT_FOUND or AMBIGUOUS_REF if a ref is wrong. Snapshots that several refs name are in
 * the result once.
 */
export async function removeFromRemote(
  session: Pick<RemoteSession, "open" | "list">,
  clock: Clock,
  request: RemovalRequest,
  signal: AbortSignal,
): Promise<RemoteRemoval[]> {
  const reader = await session.open(signal);
  const found = await findAll(session, reader, request, signal);
  const removals = new Map<number, RemoteRemoval>();
  let failure: StoreError | undefined;
  await requestEach(smallRequests, found.entries(), async ([index, named]) => {
    if (named.id === undefined || reader === undefined) {
      removals.set(index, { ...named, ...missing });
      return;
    }
    try {
      // An object store that has failed once is not asked again.
      if (failure !== undefined) throw failure;
      const deletion = await deleteRemote({ ...reader, clock }, named.id, signal);
      removals.set(index, { ...named, ...resultOf(named.id, deletion) });
    } catch (error) {
      signal.throwIfAborted();
      if (!isStoreError(error)) throw error;
      failure ??= error;
      removals.set(index, { ...named, outcome: "failed", problem: error, holders: [] });
    }
  });
  return found.flatMap((_, index) => removals.get(index) ?? []);
}

const missing = { outcome: "missing", problem: undefined, holders: [] } as const;

function resultOf(
  id: string,
  { outcome, holders }: RemoteDeletion,
): Pick<RemoteRemoval, "outcome" | "problem" | "holders"> {
  if (outcome === "missing") return missing;
  if (outcome === "deleted") return { outcome, problem: undefined, holders };
  return { outcome: "kept", problem: held(id, holders), holders };
}

function held(id: string, holders: readonly string[]): StoreError {
  const nodes = `${holders.length === 1 ? "node" : "nodes"} ${holders.join(", ")}`;
  return new StoreError(
    "REMOTE_SNAPSHOT_HELD",
    `snapshot ${id} of the remote was kept, because its data is not on the ${nodes} any more`,
    {
      hint: "Delete the snapshot there first",
      metadata: { node_ids: holders.join(",") },
      resource: { type: "snapshot", name: id },
    },
  );
}

/** Finds what each ref names. Lists the remote once, and only if a ref is not an id there. */
async function findAll(
  session: Pick<RemoteSession, "list">,
  reader: RemoteReader | undefined,
  { refs, allowMissing }: RemovalRequest,
  signal: AbortSignal,
): Promise<NamedSnapshot[]> {
  const byId = await findByIds(reader, refs.filter(isRemoteId), signal);
  let listing: RemoteListing | undefined;
  const found = new Map<string, NamedSnapshot>();
  for (const ref of refs) {
    const known = byId.get(ref);
    if (known === undefined) listing ??= await session.list(signal);
    const named = known ?? findInListing(listing ?? noSnapshots, ref, allowMissing);
    const key = named.id ?? `missing ${ref}`;
    if (!found.has(key)) found.set(key, named);
  }
  return [...found.values()];
}

function findInListing(listing: RemoteListing, ref: string, allowMissing: boolean): NamedSnapshot {
  try {
    const snapshot = findRemote(listing, ref);
    return { ref, id: snapshot.id, snapshot };
  } catch (error) {
    if (!allowMissing || !isStoreError(error, "SNAPSHOT_NOT_FOUND")) throw error;
    return { ref, id: undefined, snapshot: undefined };
  }
}

/** Finds the snapshots with these ids at the remote, also those that a listing calls broken. */
async function findByIds(
  reader: RemoteReader | undefined,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, NamedSnapshot>> {
  const found = new Map<string, NamedSnapshot>();
  if (reader === undefined) return found;
  await requestEach(smallRequests, ids, async (id) => {
    if ((await reader.bucket.head(snapshotKey(id), signal)) === undefined) return;
    found.set(id, { ref: id, id, snapshot: await describeIfReadable(reader, id, signal) });
  });
  return found;
}

async function describeIfReadable(reader: RemoteReader, id: string, signal: AbortSignal) {
  try {
    return await describeRemote(reader, id, signal);
  } catch (error) {
    if (isUnusable(error) || isStoreError(error, "FORMAT_UNSUPPORTED")) return undefined;
    throw error;
  }
}
