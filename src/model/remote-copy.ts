// Defines what is recorded of a copy that an automatic push has made at a remote.

/** A copy of a snapshot at a remote, under one name. It may outlive the snapshot. */
export interface RemoteCopy {
  /** Id of the repository at the remote. */
  readonly repository: string;
  readonly snapshotId: string;
  /** The name of the snapshot when it was pushed. */
  readonly name: string;
  /** The snapshots of one lineage replace each other. */
  readonly lineage: string;
  /** Id of the snapshot at the remote. Empty until the push has ended. */
  readonly remoteId: string;
  /** When the snapshot was created, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /**
   * begun   an automatic push has begun, and may have stored the copy
   * pushed  an automatic push has stored the copy
   * found   something else has stored the copy, so that it is not removed automatically
   */
  readonly state: "begun" | "pushed" | "found";
}
