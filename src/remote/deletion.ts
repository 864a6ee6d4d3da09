// Deletes a snapshot from a remote, unless a node depends on it. docs/remote-protocols.md, "Remote
// delete", defines the steps and their order. The next collection deletes the map and the packs of
// the snapshot.
import type { Clock } from "../base/clock.js";
import { deletionKey, snapshotKey } from "./format/keys.js";
import { newRemoteId } from "./format/remote-id.js";
import { holdersOf } from "./holds.js";
import type { RemoteReader } from "./remote-map.js";
import { storeJson } from "./stored-json.js";

export interface RemoteDeletion {
  /** The snapshot stays if it is held. It is missing if there was no such snapshot. */
  readonly outcome: "deleted" | "held" | "missing";
  /** Ids of the nodes that hold the snapshot. Empty unless it is held. */
  readonly holders: readonly string[];
}

/** Deletes a snapshot, unless a node depends on it. */
export async function deleteRemote(
  parts: RemoteReader & { readonly clock: Clock },
  id: string,
  signal: AbortSignal,
): Promise<RemoteDeletion> {
  const found = await parts.bucket.head(snapshotKey(id), signal);
  return found === undefined ? { outcome: "missing", holders: [] } : deleteSeen(parts, id, signal);
}

/**
 * Deletes a snapshot that was there, or whose PUT the caller has sent, unless a node depends on it.
 */
export async function deleteSeen(
  parts: RemoteReader & { readonly clock: Clock },
  id: string,
  signal: AbortSignal,
): Promise<RemoteDeletion> {
  const { bucket, clock } = parts;
  const newKey = (): string => deletionKey(id, newRemoteId(clock.now()));
  const { key: intent } = await storeJson(parts, newKey, { version: 1, snapshot: id }, signal);
  const holders = await holdersOf(bucket, id, signal);
  const isHeld = holders.length > 0;
  // Without an answer this throws, and the intent stays, because the request may be applied later.
  if (!isHeld) await bucket.delete(snapshotKey(id), signal);
  await bucket.delete(intent, signal);
  return { outcome: isHeld ? "held" : "deleted", holders };
}
