// Reads ranges of one stored file. It opens the file and, to verify, its block table, but neither
// the other files of the snapshot nor its directory. Once they are open, reading continues while a
// deletion moves the directory away.
import { join } from "node:path";
import { closeQuietly } from "../base/quietly.js";
import type { ReadableFile } from "../base/whole-io.js";
import { readExtents, scanRanges, type FilePiece } from "../holes/extents.js";
import type { ExtentMap } from "../holes/extent-map.js";
import { commonParts, partsBetween, totalLength, type Extent } from "../model/extent.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { blocksAround, indexBlocks, type BlockIndex } from "./block-access.js";
import { readBlockTable } from "./block-table-codec.js";
import { IndexCache } from "./index-cache.js";
import { blocksDirectoryName, blockTableName, type Layout } from "./layout.js";
import { openDataFile } from "./stored.js";
import { requireRoot, verifyParts } from "./verified-read.js";

interface RangesOptions {
  /**
   * If true, every block that a range touches is compared with its digest. The file must have one.
   */
  readonly verify: boolean;
  readonly signal: AbortSignal;
}

/** The ranges of a file that is open. */
export interface OpenRanges extends AsyncDisposable {
  /** Bytes of data in the ranges. */
  readonly dataBytes: number;
  /** Yields the holes in the ranges, in ascending order. */
  holes(): Iterable<Extent>;
  /** Reads the data of the ranges, in ascending order. Call this once. */
  pieces(): AsyncIterable<FilePiece>;
}

/**
 * Maximum memory for cached tables in the whole process: enough for the tables of 60 files of 4
 * GiB.
 */
const maxIndexBytes = 32 * 1024 * 1024;
const indexes = new IndexCache(maxIndexBytes);

/**
 * If the ranges have at most this many bytes together, the daemon's own thread reads those that the
 * page cache has: about 100 µs of work.
 */
const maxCachedBytes = 512 * 1024;

/**
 * Opens a file to read ranges of it. `position` is the file's place in the order of names. `ranges`
 * ascend, do not overlap and end inside the file. Throws STORED_DATA_CORRUPT if the file is missing
 * or has another size, or if its block table is needed and damaged.
 */
export async function openRanges(
  layout: Layout,
  id: string,
  { file, position }: { readonly file: SnapshotFile; readonly position: number },
  ranges: readonly Extent[],
  { verify, signal }: RangesOptions,
): Promise<OpenRanges> {
  const index = verify ? await indexOf(layout, id, file, position) : undefined;
  const handle = openDataFile(join(layout.filesDirectory(id), file.name), file, id);
  let extents: ExtentMap | undefined;
  try {
    const spans = index === undefined ? ranges : blocksAround(ranges, index);
    extents = await scanRanges(handle.fd, spans, signal);
    const cachedFirst = totalLength(spans) <= maxCachedBytes;
    const options = { what: file.name, signal, cachedFirst };
    return holdOpen(handle, { ranges, spans, extents, index }, options);
  } catch (error) {
    extents?.[Symbol.dispose]();
    await closeQuietly(handle);
    throw error;
  }
}

interface Plan {
  readonly ranges: readonly Extent[];
  /** The ranges, or with an index the whole blocks that they touch. */
  readonly spans: readonly Extent[];
  /** The data in the spans. Undefined if the filesystem does not report holes. */
  readonly extents: ExtentMap | undefined;
  readonly index: BlockIndex | undefined;
}

interface RangeReadOptions {
  readonly what: string;
  readonly signal: AbortSignal;
  readonly cachedFirst: boolean;
}

function holdOpen(
  handle: ReadableFile,
  { ranges, spans, extents, index }: Plan,
  options: RangeReadOptions,
): OpenRanges {
  const data: Iterable<Extent> = extents === undefined ? ranges : commonParts(extents, ranges);
  const verified = index && verifyParts(handle, index, { spans, extents, wanted: ranges }, options);
  const close = async (): Promise<void> => {
    await verified?.[Symbol.asyncDispose]();
    extents?.[Symbol.dispose]();
    await closeQuietly(handle);
  };
  let closed: Promise<void> | undefined;
  return {
    dataBytes: totalLength(data),
    holes: () => partsBetween(ranges, data),
    pieces: () => verified?.pieces() ?? readExtents(handle, data, options),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

async function indexOf(
  layout: Layout,
  id: string,
  file: SnapshotFile,
  position: number,
): Promise<BlockIndex> {
  const known = indexes.get(file.digest);
  if (known !== undefined) return known;
  const blocks = join(layout.dataDirectory(id), blocksDirectoryName);
  const table = await readBlockTable(join(blocks, blockTableName(position)));
  requireRoot(table, id, file);
  const index = indexBlocks(table);
  indexes.add(file.digest, index);
  return index;
}
