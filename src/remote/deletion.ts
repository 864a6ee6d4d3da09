// Deletes a snapshot from a remote, unless a node depends on it. docs/remote-protocols.md, "Remote
// delete", defines the steps and their order. The next collection deletes the map and the packs of
// the snapshot.
import type { Clock } from "../base/clock.js";
import { deletionKey, holdsOf, snapshotKey } from "./format/keys.js";
import { newRemoteId } from "./format/remote-id.js";
import type { RemoteReader } from "./remote-map.js";
import { storeJson } from "./stored-json.js";

/**
 * Deletes a snapshot. Returns "held" if a node depends on the snapshot, which then stays, and
 * "missing" if there is no such snapshot.
 */
export async function deleteRemote(
  parts: RemoteReader & { readonly clock: Clock },
  id: string,
  signal: AbortSignal,
): Promise<"deleted" | "held" | "missing"> {
  const found = await parts.bucket.head(snapshotKey(id), signal);
  return found === undefined ? "missing" : deleteSeen(parts, id, signal);
}

/**
 * Deletes a snapshot that was there, or whose PUT the caller has sent. Returns "held" if a node
 * depends on the snapshot, which then stays.
 */
export async function deleteSeen(
  parts: RemoteReader & { readonly clock: Clock },
  id: string,
  signal: AbortSignal,
): Promise<"deleted" | "held"> {
  const { bucket, clock } = parts;
  const newKey = (): string => deletionKey(id, newRemoteId(clock.now()));
  const { key: intent } = await storeJson(parts, newKey, { version: 1, snapshot: id }, signal);
  let held = false;
  for await (const _ of bucket.list(holdsOf(id), { signal })) held = true;
  // Without an answer this throws, and the intent stays, because the request may be applied later.
  if (!held) await bucket.delete(snapshotKey(id), signal);
  await bucket.delete(intent, signal);
  return held ? "held" : "deleted";
}
