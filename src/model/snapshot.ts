// Defines a stored snapshot and its files.
import type { SnapshotConfig } from "./config.js";

/**
 * The states of a snapshot.
 *
 * pending   being uploaded; its name and blobs are reserved, and no caller sees it
 * ready     stored, durable, served
 * replaced  lost its name to a REPLACE while a caller held a lease on its directory: served to
 *           that caller only, deleted when the last lease ends or at the next start
 * deleting  gone for every caller; the daemon is deleting its bytes
 * lost      its directory was missing at start: not served, kept for the operator to see
 */
export type SnapshotState = "pending" | "ready" | "replaced" | "deleting" | "lost";

export interface SnapshotFile {
  readonly name: string;
  /** Logical size. */
  readonly sizeBytes: number;
  /** Bytes on disk (512 × st_blocks) when the file was stored. */
  readonly allocatedBytes: number;
  /** Permission bits, masked to 0777. */
  readonly mode: number;
  /** `sha256:<hex>` of the file's canonical block table. Empty until it is computed. */
  readonly digest: string;
}

export interface Snapshot {
  readonly config: SnapshotConfig;
  readonly state: SnapshotState;
  readonly createdAt: Date;
  readonly lastAccessedAt: Date;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** The bytes that count against quotas; see model/charge.ts. */
  readonly chargedBytes: number;
  /** `sha256:<hex>` over the file manifest. Empty until it is computed. */
  readonly digest: string;
  /**
   * The digest of the snapshot that this one was made from as a delta. Empty if this snapshot was
   * stored whole, or if the parent had no digest at that time.
   */
  readonly parentDigest: string;
  /**
   * The time of the wall clock from which on collections evict the snapshot, in whole milliseconds.
   * Undefined if the snapshot does not expire.
   */
  readonly expireTime?: Date | undefined;
  /** True if garbage collection must never evict the snapshot. */
  readonly protected: boolean;
  /**
   * True if damage was found in the snapshot's data. The snapshot is still listed, but served only
   * with `force`.
   */
  readonly corrupt: boolean;
  /** Sorted by name. Empty in listings. */
  readonly files: readonly SnapshotFile[];
}
