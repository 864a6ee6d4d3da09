// Converts rows of the catalog to snapshots and back.
import { formatBytes } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";
import { emptyConfig, type SnapshotConfig } from "../model/config.js";
import type { Snapshot, SnapshotFile, SnapshotState } from "../model/snapshot.js";
import type { AccessTime } from "./accesses.js";
import type { Params } from "./connection.js";

export interface SnapshotRow {
  readonly id: string;
  readonly state: SnapshotState;
  readonly kind: string;
  readonly name: string;
  readonly created_at: number;
  readonly last_accessed_at: number;
  readonly used_ms: number;
  readonly size_bytes: number;
  readonly allocated_bytes: number;
  readonly charged_bytes: number;
  readonly digest: string;
  readonly parent_digest: string;
  readonly protected: number;
  readonly corrupt: number;
  readonly revision: number;
  readonly manifest_dirty: number;
  readonly image: string;
  readonly image_digest: string;
  readonly hypervisor: string;
  readonly description: string;
  readonly config: string;
  readonly expires_at: number | null;
}

export interface FileRow {
  readonly name: string;
  readonly size_bytes: number;
  readonly allocated_bytes: number;
  readonly mode: number;
  readonly digest: string;
}

/** Returns the columns that contain a configuration. */
export function configColumns(config: SnapshotConfig): Params {
  const { id, name, description, image, imageDigest, hypervisor, ...rest } = config;
  return {
    id,
    name,
    description,
    image,
    image_digest: imageDigest,
    hypervisor,
    config: JSON.stringify(rest),
  };
}

export function configFromRow(row: SnapshotRow): SnapshotConfig {
  return {
    // Rows of an older version lack the keys that this version has added.
    ...emptyConfig(),
    ...parseConfig(row),
    id: row.id,
    name: row.name,
    description: row.description,
    image: row.image,
    imageDigest: row.image_digest,
    hypervisor: row.hypervisor,
  };
}

export function snapshotFromRow(
  row: SnapshotRow,
  files: readonly FileRow[],
  { atMs }: AccessTime,
): Snapshot {
  return {
    config: configFromRow(row),
    state: row.state,
    createdAt: new Date(row.created_at),
    lastAccessedAt: new Date(Math.max(row.last_accessed_at, atMs)),
    sizeBytes: row.size_bytes,
    allocatedBytes: row.allocated_bytes,
    chargedBytes: row.charged_bytes,
    digest: row.digest,
    ...(row.expires_at === null ? {} : { expireTime: new Date(row.expires_at) }),
    parentDigest: row.parent_digest,
    protected: row.protected === 1,
    corrupt: row.corrupt === 1,
    files: files.map(fileFromRow),
  };
}

function fileFromRow(row: FileRow): SnapshotFile {
  return {
    name: row.name,
    sizeBytes: row.size_bytes,
    allocatedBytes: row.allocated_bytes,
    mode: row.mode,
    digest: row.digest,
  };
}

/** Returns the columns of a snapshot with the sizes of all its files together. */
export function sizeColumns(id: string, files: readonly SnapshotFile[]): Params {
  let sizeBytes = 0;
  let allocatedBytes = 0;
  for (const file of files) {
    sizeBytes += file.sizeBytes;
    allocatedBytes += file.allocatedBytes;
  }
  if (!Number.isSafeInteger(sizeBytes) || !Number.isSafeInteger(allocatedBytes)) {
    throw new StoreError(
      "LIMIT_EXCEEDED",
      `the files of snapshot ${id} have ${formatBytes(sizeBytes)} together, at most ${formatBytes(Number.MAX_SAFE_INTEGER)} are stored`,
      { metadata: { snapshot_id: id } },
    );
  }
  return { size_bytes: sizeBytes, allocated_bytes: allocatedBytes };
}

function parseConfig(row: SnapshotRow): Partial<SnapshotConfig> {
  try {
    const parsed: unknown = JSON.parse(row.config);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Text that is not JSON leads to the error below, like JSON that is not an object.
  }
  throw new StoreError(
    "STORED_DATA_CORRUPT",
    `the catalog's configuration of snapshot ${row.id} cannot be read`,
    {
      hint: "Restart the daemon: it rebuilds the catalog from the snapshots' manifests",
      metadata: { snapshot_id: row.id },
    },
  );
}
