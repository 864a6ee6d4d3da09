// Writes one archive entry to the staging area.
import type { ArchiveEntry } from "../../archive/tar-reader.js";
import type { StagedBase } from "../../files/staged-file.js";
import { fileBytes, wholeBlocks } from "../../model/charge.js";
import type { Extent } from "../../model/extent.js";
import type { SnapshotFile } from "../../model/snapshot.js";
import type { Intake } from "./intake.js";

interface StagedOver {
  readonly base: StagedBase;
  /** The ranges of the base that become holes. Default: none. */
  readonly holes?: readonly Extent[];
}

/** Stages the entry. With a base, the entry is a delta over a copy of the base. */
export async function stageEntry(
  { staging, allowance }: Pick<Intake, "staging" | "allowance">,
  entry: ArchiveEntry,
  signal: AbortSignal,
  { base, holes }: Partial<StagedOver> = {},
): Promise<SnapshotFile> {
  // Reserve the blocks of known data before the data is written.
  let knownBytes = 0;
  for (const { length } of entry.extents ?? []) knownBytes += wholeBlocks(length);
  const copiedBytes = base === undefined ? 0 : mostBytesOver(base, entry, knownBytes) - knownBytes;
  await allowance.wait(fileBytes + copiedBytes + knownBytes);
  allowance.expect(fileBytes + copiedBytes + knownBytes);
  allowance.take(fileBytes + copiedBytes);
  await using file = await staging.createFile(entry.name, {
    mode: entry.mode,
    sizeBytes: entry.sizeBytes,
    extents: entry.extents,
    // A sparse entry lists its holes. A plain entry has zeros in their place.
    detectZeros: entry.extents === undefined,
    base,
    holes,
    onData: (bytes) => allowance.take(wholeBlocks(bytes)),
    signal,
  });
  for await (const piece of entry.pieces()) {
    await allowance.wait(wholeBlocks(piece.chunk.length));
    await file.write(piece.offset, piece.chunk);
  }
  return await file.finish();
}

/** Returns the most bytes that a file over `base` can allocate when `writtenBytes` are written. */
export function mostBytesOver(
  { allocatedBytes }: StagedBase,
  { sizeBytes }: Pick<SnapshotFile, "sizeBytes">,
  writtenBytes: number,
): number {
  return Math.max(writtenBytes, Math.min(allocatedBytes + writtenBytes, wholeBlocks(sizeBytes)));
}
