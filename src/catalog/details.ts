// Writes the rows that belong to a snapshot: files, labels and pins. These functions run inside a
// transaction.
import type { SnapshotConfig } from "../model/config.js";
import type { SnapshotFile } from "../model/snapshot.js";
import type { Connection } from "./connection.js";
import { sql } from "./sql.js";

export function writeFiles(
  connection: Connection,
  id: string,
  files: readonly SnapshotFile[],
): void {
  connection.run(sql.deleteFiles, { id });
  for (const file of files) {
    connection.run(sql.insertFile, {
      id,
      name: file.name,
      size_bytes: file.sizeBytes,
      allocated_bytes: file.allocatedBytes,
      mode: file.mode,
      digest: file.digest,
    });
  }
}

/**
 * Replaces the label rows. If the snapshot is not ready, `labels` must be empty, because listings
 * by label rely on every label row belonging to a ready snapshot.
 */
export function writeLabels(
  connection: Connection,
  config: Pick<SnapshotConfig, "id" | "labels">,
  createdAtMs: number,
): void {
  const { id } = config;
  connection.run(sql.deleteLabels, { id });
  for (const [key, value] of Object.entries(config.labels)) {
    connection.run(sql.insertLabel, { id, key, value, created_at: createdAtMs });
  }
}

export function writePins(
  connection: Connection,
  config: Pick<SnapshotConfig, "id" | "imageBlobIds">,
): void {
  const { id } = config;
  connection.run(sql.deletePins, { id });
  for (const blobId of new Set(config.imageBlobIds)) {
    connection.run(sql.insertBlob, { blob_id: blobId });
    connection.run(sql.insertPin, { id, blob_id: blobId });
  }
}
