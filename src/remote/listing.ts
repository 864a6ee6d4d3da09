// Lists the snapshots of a remote, and finds one by a ref.
import { StoreError, describeValue, isStoreError } from "../base/errors.js";
import { minIdPrefixLength } from "../model/name.js";
import { mapsPrefix, snapshotOfKey, snapshotsPrefix } from "./format/keys.js";
import { isRemoteId } from "./format/remote-id.js";
import { describeListed, summarize, type ListedSnapshot, type RemoteSnapshot } from "./listed.js";
import { requestEach, smallRequests } from "./request-each.js";
import { readCommit, type RemoteReader } from "./remote-map.js";

/** A snapshot whose commit object this version cannot read, or whose map is missing. */
interface BrokenSnapshot {
  readonly id: string;
  readonly problem: StoreError;
}

export interface RemoteListing {
  /** The newest first, by the clocks of the nodes. */
  readonly snapshots: readonly ListedSnapshot[];
  readonly broken: readonly BrokenSnapshot[];
}

/** The list of a remote to which nothing was ever pushed. */
export const noSnapshots: RemoteListing = { snapshots: [], broken: [] };

/**
 * Lists the remote. `known` has the commit objects that were read before. They never change, so
 * they are not read again.
 */
export async function listRemote(
  reader: RemoteReader,
  known: ReadonlyMap<string, ListedSnapshot>,
  signal: AbortSignal,
): Promise<RemoteListing> {
  // The snapshots are listed before the maps, so that the map of each listed snapshot is already
  // there.
  const ids = await idsBelow(reader, snapshotsPrefix, snapshotOfKey, signal);
  const maps = new Set(await idsBelow(reader, mapsPrefix, mapOfKey, signal));
  const snapshots: ListedSnapshot[] = [];
  const broken: BrokenSnapshot[] = [];
  await requestEach(smallRequests, ids, async (id) => {
    try {
      const snapshot = known.get(id) ?? summarize(await describeRemote(reader, id, signal));
      if (maps.has(id)) snapshots.push(snapshot);
      else broken.push({ id, problem: mapMissing(id) });
    } catch (error) {
      // The snapshot was deleted since the list was made.
      if (isStoreError(error, "REMOTE_COPY_MISSING")) return;
      if (!isUnreadable(error)) throw error;
      broken.push({ id, problem: error });
    }
  });
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? 1 : -1);
  return { snapshots: snapshots.sort(byId), broken: broken.sort(byId) };
}

function isUnreadable(error: unknown): error is StoreError {
  return isStoreError(error, "REMOTE_DATA_INVALID") || isStoreError(error, "FORMAT_UNSUPPORTED");
}

async function idsBelow(
  { bucket }: RemoteReader,
  prefix: string,
  idOf: (key: string) => string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const { key } of bucket.list(prefix, { signal })) {
    const id = idOf(key);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

function mapOfKey(key: string): string | undefined {
  const id = key.slice(mapsPrefix.length);
  return isRemoteId(id) ? id : undefined;
}

/** Reads the commit object. Throws REMOTE_COPY_MISSING if there is no such snapshot. */
export async function describeRemote(
  reader: RemoteReader,
  remoteId: string,
  signal: AbortSignal,
): Promise<RemoteSnapshot> {
  const commit = await readCommit(reader, remoteId, signal);
  const { id, pushedAt, nodeId, manifest, dataBytes, packedBytes } = commit;
  return { id, pushedAt, nodeId, manifest, dataBytes, packedBytes };
}

function mapMissing(id: string): StoreError {
  return new StoreError("REMOTE_DATA_INVALID", `snapshot ${id} of the remote has no map`, {
    hint: "Its push did not end. Remove it with `stasis remote rm`, and push again",
    resource: { type: "object", name: id },
  });
}

/**
 * Returns the snapshot with this id at the remote. If there is none, returns the one with this
 * name, or this id on its node, or this prefix of its id at the remote. Throws SNAPSHOT_NOT_FOUND
 * if nothing matches. Throws AMBIGUOUS_REF if several snapshots match, because names are not unique
 * at a remote.
 */
export function findRemote(listing: RemoteListing, ref: string): RemoteSnapshot {
  const { snapshots } = listing;
  const hasPrefix = ({ id }: ListedSnapshot): boolean =>
    ref.length >= minIdPrefixLength && id.startsWith(ref);
  const ways = [
    ({ id }: ListedSnapshot) => id === ref,
    ({ name }: ListedSnapshot) => ref !== "" && name === ref,
    ({ localId }: ListedSnapshot) => localId === ref,
    hasPrefix,
  ];
  for (const isMeant of ways) {
    const [first, ...others] = snapshots.filter(isMeant);
    if (first !== undefined && others.length === 0) return describeListed(first);
    if (first !== undefined) throw ambiguous(ref, [first, ...others]);
  }
  throw new StoreError("SNAPSHOT_NOT_FOUND", `the remote has no snapshot ${describeValue(ref)}`, {
    hint: "See `stasis remote ls`",
    resource: { type: "snapshot", name: ref.slice(0, 128) },
  });
}

const maxCandidates = 10;

function ambiguous(ref: string, candidates: readonly ListedSnapshot[]): StoreError {
  const shown = candidates
    .slice(0, maxCandidates)
    .map(({ id, nodeId, pushedAtMs }) => `${id} (node ${nodeId}, ${timeText(pushedAtMs)})`);
  const more = candidates.length > maxCandidates ? ", and more" : "";
  return new StoreError(
    "AMBIGUOUS_REF",
    `${describeValue(ref)} matches several snapshots of the remote: ${shown.join(", ")}${more}`,
    {
      hint: "Name one by its id at the remote",
      metadata: {
        candidates: candidates
          .slice(0, maxCandidates)
          .map(({ id }) => id)
          .join(","),
      },
    },
  );
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
