// Reads a tar strictly. The caller pulls entries, whose bodies are views of the incoming chunks.
//
// tar-stream's `extract` (3.2.2) is not safe for the only copy of a VM, so this reader replaces it:
// - It accepts a tar that is cut between two entries as complete.
// - It ignores PAX records that it cannot parse. A lost sparse map shifts the data of a disk
//   silently.
// - It hangs on a directory header with a size.
// - It skips single zero blocks.
import type { OwnedStream } from "../wire/chunk.js";
import type { Extents } from "../model/extent.js";
import type { FilePiece } from "../holes/extents.js";
import { archiveCutOff, archiveInvalid } from "./archive-invalid.js";
import { openByteCursor, type ByteCursor } from "./byte-cursor.js";
import { openEntryBody, type EntryBody } from "./entry-body.js";
import { describeEntry, type EntryDescription } from "./entry-header.js";
import {
  defaultArchiveLimits,
  limitExceeded,
  maxTrailingBytes,
  type ArchiveLimits,
} from "./limits.js";
import { paddingOf } from "./pax.js";
import { tarBlockBytes } from "./tar-header.js";
import { isZero } from "../holes/zero.js";

export interface ArchiveEntry {
  /** The name, which is valid for a data file and has no leading "./". */
  readonly name: string;
  /** Permission bits, masked to 0777. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /** Data extents of a sparse entry; undefined for a plain one, whose zeros may become holes. */
  readonly extents: Extents | undefined;
  /**
   * Yields the data in pieces, each with its offset in the file, in ascending order. Pieces are
   * parts of the incoming chunks. The caller may request them once, before it requests the next
   * entry. The reader skips data that the caller has not read.
   */
  pieces(): AsyncIterable<FilePiece>;
}

export interface ReadTarOptions {
  /** Limits that are left out default to `defaultArchiveLimits`. */
  readonly limits?: Partial<ArchiveLimits>;
  readonly signal?: AbortSignal;
}

/**
 * Yields the regular files of a flat tar, in archive order. Reads the stream to its end, even after
 * the last entry. Throws ARCHIVE_INVALID if the stream is not a flat tar or is truncated. The
 * caller must not use any file before the iteration has ended without an error.
 */
export async function* readTar(
  source: OwnedStream,
  options: ReadTarOptions = {},
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const limits = { ...defaultArchiveLimits, ...options.limits };
  const cursor = openByteCursor(source, options.signal);
  try {
    const names = new Set<string>();
    let totalBytes = 0;
    for (let headers = 0; ; headers++) {
      const entry = await describeEntry(cursor, limits);
      if (entry === "end") break;
      // The memory of the map counts until the caller requests the next entry.
      using map = entry === "nothing" ? undefined : entry.extents;
      void map;
      if (headers >= limits.maxFiles) {
        throw limitExceeded("maxFiles", "entries of the archive", limits.maxFiles, headers + 1);
      }
      if (entry === "nothing") continue;
      if (names.has(entry.name)) {
        throw archiveInvalid(`${entry.where}: the name comes twice`, { entry: entry.name });
      }
      names.add(entry.name);
      totalBytes = addSize(totalBytes, entry, limits);
      const body = openEntryBody(cursor, entry);
      yield toArchiveEntry(entry, body);
      await body.skipRest();
      await skipPadding(cursor, entry);
    }
    await readTrailer(cursor);
  } finally {
    await cursor.close();
  }
}

function toArchiveEntry(entry: EntryDescription, body: EntryBody): ArchiveEntry {
  const { name, mode, sizeBytes, extents } = entry;
  return { name, mode, sizeBytes, extents, pieces: () => body.pieces() };
}

function addSize(totalBytes: number, entry: EntryDescription, limits: ArchiveLimits): number {
  // We subtract because the sum may not be a safe integer.
  if (entry.sizeBytes > limits.maxTotalBytes - totalBytes) {
    throw limitExceeded(
      "maxTotalBytes",
      `${entry.where}: sizes of all files together`,
      limits.maxTotalBytes,
      totalBytes + entry.sizeBytes,
    );
  }
  return totalBytes + entry.sizeBytes;
}

async function skipPadding(cursor: ByteCursor, entry: EntryDescription): Promise<void> {
  const padding = paddingOf(entry.dataBytes);
  if (padding === 0) return;
  const what = `the padding of ${entry.where}`;
  if ((await cursor.take(padding, what)) === undefined) throw archiveCutOff(cursor.position, what);
}

/** Bytes of padding that are checked at once. */
const paddingBytes = 64 * 1024;

/** Checks the second zero block, and that only zeros follow up to the end of the stream. */
async function readTrailer(cursor: ByteCursor): Promise<void> {
  const what = "the second of the two zero blocks that end a tar";
  const second = await cursor.take(tarBlockBytes, what);
  if (second === undefined) throw archiveCutOff(cursor.position, what);
  if (!isZero(second)) {
    throw archiveInvalid(
      `byte ${cursor.position - tarBlockBytes} of the archive: a lone zero block between entries`,
    );
  }
  const end = cursor.position;
  for (;;) {
    const padding = await cursor.some(paddingBytes);
    if (padding === undefined) return;
    if (!isZero(padding.bytes)) {
      throw archiveInvalid(`the archive continues after its end marker at byte ${end}`, {
        hint: "One archive holds one snapshot; nothing may be appended to it",
      });
    }
    if (cursor.position - end > maxTrailingBytes) {
      throw limitExceeded(
        "maxTrailingBytes",
        "zeros after the end of the archive",
        maxTrailingBytes,
        cursor.position - end,
      );
    }
  }
}
