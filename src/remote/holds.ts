// Writes and reads holds. A hold says that a node depends on a snapshot of a remote, because the
// node has dropped its own copy of the data, or reads it lazily. docs/remote-protocols.md,
// "Offload", defines when a node puts and releases a hold.
import type { Clock } from "../base/clock.js";
import { encodeJson } from "./format/checked-json.js";
import { holdKey, holdsOf, nodeOfHold } from "./format/keys.js";
import { newRemoteId } from "./format/remote-id.js";
import type { RemoteReader } from "./remote-map.js";
import type { Bucket } from "./s3/bucket.js";
import { untilStored } from "./until-stored.js";

interface NewHold {
  /** Id of the snapshot at the remote. */
  readonly snapshot: string;
  readonly nodeId: string;
  /**
   * Called with each key before its PUT is sent. The caller records the key, so that the node
   * knows its holds after a crash.
   */
  readonly onNewKey: (key: string) => void;
}

/** Stores a hold under a new key, and returns the key. */
export async function putHold(
  { bucket, repository, clock }: RemoteReader & { readonly clock: Clock },
  { snapshot, nodeId, onNewKey }: NewHold,
  signal: AbortSignal,
): Promise<string> {
  let key = "";
  await untilStored(() => {
    key = holdKey(snapshot, nodeId, newRemoteId(clock.now()));
    onNewKey(key);
    const content = { version: 1, snapshot, node: nodeId };
    return bucket.putOnce(key, encodeJson(key, content, repository.sealFor(key)), signal);
  });
  return key;
}

/** Returns the ids of the nodes that hold the snapshot, in order. */
export async function holdersOf(
  bucket: Bucket,
  snapshot: string,
  signal: AbortSignal,
): Promise<string[]> {
  const nodes = new Set<string>();
  // Every key counts, also a malformed one: it may be the hold of a newer version.
  for await (const { key } of bucket.list(holdsOf(snapshot), { signal }))
    nodes.add(nodeOfHold(key));
  return [...nodes].sort();
}
