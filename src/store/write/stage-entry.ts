// Writes one archive entry to the staging area.
import type { ArchiveEntry } from "../../archive/tar-reader.js";
import { fileBytes, wholeBlocks } from "../../model/charge.js";
import type { SnapshotFile } from "../../model/snapshot.js";
import type { Intake } from "./intake.js";

export async function stageEntry(
  { staging, allowance }: Pick<Intake, "staging" | "allowance">,
  entry: ArchiveEntry,
  signal: AbortSignal,
): Promise<SnapshotFile> {
  // Reserve the blocks of known data before the data is written.
  let knownBytes = 0;
  for (const { length } of entry.extents ?? []) knownBytes += wholeBlocks(length);
  await allowance.wait(fileBytes + knownBytes);
  allowance.expect(fileBytes + knownBytes);
  allowance.take(fileBytes);
  await using file = await staging.createFile(entry.name, {
    mode: entry.mode,
    sizeBytes: entry.sizeBytes,
    extents: entry.extents,
    // A sparse entry lists its holes. A plain entry has zeros instead.
    detectZeros: entry.extents === undefined,
    onData: (bytes) => allowance.take(wholeBlocks(bytes)),
    signal,
  });
  for await (const piece of entry.pieces()) {
    await allowance.wait(wholeBlocks(piece.chunk.length));
    await file.write(piece.offset, piece.chunk);
  }
  return await file.finish();
}
