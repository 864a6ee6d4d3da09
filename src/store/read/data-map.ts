// Finds where the data of a snapshot's files lies, as a strip of cells that a page can draw.
import { setImmediate } from "node:timers/promises";
import { openStored, type StoredFile, type StoredSnapshot } from "../../files/stored.js";
import { coveredBytes, sharedExtents } from "../../holes/shared-extents.js";
import type { Reader, Leases } from "../parts/ports.js";

export interface DataStrip {
  readonly name: string;
  /** Bytes that are not holes. */
  readonly dataBytes: number;
  /**
   * The share of data in each cell, in percent. All cells cover the same number of bytes. Empty if
   * the filesystem cannot report holes, or the file is empty.
   */
  readonly cells: readonly number[];
  /**
   * Bytes in blocks that other files share. Undefined if the filesystem cannot report them, or if
   * the file has too many extents to look up.
   */
  readonly sharedBytes?: number;
}

/** If a snapshot has more files, only the largest have strips. */
const maxStrips = 32;

/**
 * Returns the strips of the largest files, in the order of their names. The call does not count as
 * an access, and a deletion of the snapshot ends it. Throws STORED_DATA_CORRUPT if files are
 * missing.
 */
export async function dataMap(
  ports: Reader & Leases,
  ref: string,
  maxCells: number,
  signal: AbortSignal,
): Promise<DataStrip[]> {
  const snapshot = ports.catalog.resolveRef(ref);
  const { id } = snapshot.config;
  using lease = ports.leases.share(id, "background", "data map");
  const largest = [...snapshot.files].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, maxStrips);
  const files = snapshot.files.filter((file) => largest.includes(file));
  const both = AbortSignal.any([signal, lease.signal]);
  await using stored = await openStored(ports.layout, id, files, both);
  const strips: DataStrip[] = [];
  for (const file of stored.files) {
    both.throwIfAborted();
    const shared = await sharedBytesOf(stored, file);
    strips.push({
      name: file.name,
      dataBytes: file.dataBytes,
      cells: cellsOf(file, maxCells),
      ...(shared === undefined ? {} : { sharedBytes: shared }),
    });
    await setImmediate();
  }
  return strips;
}

/** This many lookups take about 5 ms. More would hold up other work. */
const maxSharedLookups = 5000;

async function sharedBytesOf(
  stored: StoredSnapshot,
  { name, extents }: StoredFile,
): Promise<number | undefined> {
  if (extents === undefined || extents.length > maxSharedLookups) return undefined;
  const handle = await stored.open(name);
  const shared = sharedExtents(handle.fd);
  return shared === undefined ? undefined : coveredBytes(shared);
}

function cellsOf({ extents, sizeBytes }: StoredFile, maxCells: number): number[] {
  if (extents === undefined || sizeBytes === 0) return [];
  const count = Math.min(maxCells, sizeBytes);
  const width = sizeBytes / count;
  const bytes = new Float64Array(count);
  for (const { offset, length } of extents) {
    const end = offset + length;
    for (let cell = Math.floor(offset / width); cell < count && cell * width < end; cell++) {
      const from = Math.max(offset, cell * width);
      bytes[cell] = (bytes[cell] ?? 0) + Math.max(0, Math.min(end, (cell + 1) * width) - from);
    }
  }
  // A cell with a little data is never shown as a hole. A cell is shown as full only if at least
  // 99.9 percent of it is data.
  return [...bytes].map((data) => {
    const share = (data / width) * 100;
    return share === 0 ? 0 : Math.max(1, share >= 99.9 ? 100 : Math.min(99, Math.round(share)));
  });
}
