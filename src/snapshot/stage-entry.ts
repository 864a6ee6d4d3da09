// One archive entry into the staging area.
import type { ArchiveEntry } from "../archive/tar-reader.js";
import type { Staging } from "../data/staging.js";
import type { SnapshotFile } from "../model/snapshot.js";

export async function stageEntry(
  staging: Staging,
  entry: ArchiveEntry,
  signal: AbortSignal,
): Promise<SnapshotFile> {
  await using file = await staging.createFile(entry.name, {
    mode: entry.mode,
    sizeBytes: entry.sizeBytes,
    extents: entry.extents,
    // A sparse entry says itself where its holes are; a plain one has zeros instead.
    detectZeros: entry.extents === undefined,
    signal,
  });
  for await (const piece of entry.pieces()) await file.write(piece.offset, piece.bytes);
  return await file.finish();
}
