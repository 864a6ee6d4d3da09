// Defines what replication may do with the store. Nothing here deletes, collects or repairs on its
// own.
import type { SnapshotStore } from "../store/snapshot-store.js";

/** Reads for a peer: snapshots by digest, with their block tables. */
export type PeerReads = Pick<SnapshotStore, "openBlocks" | "withDigest" | "blockHashes">;

/** The reads with which a pull chooses a base. */
export type BaseReads = PeerReads & Pick<SnapshotStore, "list">;

/** The area for data that the store keeps of interrupted pulls. */
export type TransferStore = Pick<SnapshotStore, "transfers" | "time" | "noteKept">;

/** Everything that pushes to remotes need. */
export type PushStore = BaseReads & Pick<SnapshotStore, "nodeId">;

/** Everything that pulls need. */
export type ReplicationStore = BaseReads &
  TransferStore &
  Pick<SnapshotStore, "receive" | "healFromPeer" | "reflink">;
