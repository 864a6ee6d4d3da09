// Decides whether a snapshot that is at a remote already may be acknowledged once more.
import { doomedKeys } from "./claims.js";
import { mapKey, packKey, snapshotKey } from "./format/keys.js";
import { readCommit, readMap, type RemoteReader } from "./remote-map.js";
import { allThere } from "./all-there.js";
import { isUnusable } from "./unusable.js";

/**
 * Returns whether the snapshot, its map and all its packs are there, and no collection is about to
 * delete any of them. The intents are listed first: a collection that makes its intent later sees
 * the snapshot (docs/remote-protocols.md, "Push", step 8).
 */
export async function isWhole(
  reader: RemoteReader,
  id: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { packs } = await readMap(reader, await readCommit(reader, id, signal), signal);
    const keys = [mapKey(id), ...packs.map(packKey)];
    const doomed = await doomedKeys(reader, signal);
    if (keys.some((key) => doomed.has(key))) return false;
    return await allThere(reader.bucket, [...keys, snapshotKey(id)], signal);
  } catch (error) {
    if (isUnusable(error)) return false;
    throw error;
  }
}
