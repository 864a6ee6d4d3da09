// Defines what replication may do with the store. Replication cannot delete or collect snapshots.
// It can repair them only with the data of a peer.
import type { SnapshotStore } from "../store/snapshot-store.js";

/** The reads that serve a peer: snapshots by digest, with their block tables. */
export type PeerReads = Pick<SnapshotStore, "openBlocks" | "withDigest" | "blockHashes">;

/** The reads with which a pull chooses a base. */
export type BaseReads = PeerReads & Pick<SnapshotStore, "list">;

/** The area for data that the store keeps of interrupted pulls. */
export type TransferStore = Pick<SnapshotStore, "transfers" | "time" | "noteKept">;

/** Everything that pushes to remotes need. */
export type PushStore = BaseReads & Pick<SnapshotStore, "nodeId" | "transfers" | "inspect">;

/** Everything that automatic pushes need, besides the pushes themselves. */
export type AutoPushStore = Pick<SnapshotStore, "list" | "listed" | "watch" | "copies">;

/** Everything that pulls need. */
export type ReplicationStore = BaseReads &
  TransferStore &
  Pick<SnapshotStore, "receive" | "healFromPeer" | "reflink">;
