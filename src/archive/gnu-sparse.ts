// Reads and writes GNU tar's notations of sparse files. We read PAX 0.0, 0.1, 1.0 and the header
// type `S`, and write PAX 1.0. The GNU tar manual specifies them in "Sparse Formats" (appendix
// D.2).
import type { Extent, Extents } from "../model/extent.js";
import { archiveInvalid } from "./archive-invalid.js";
import { limitExceeded } from "./limits.js";
import { paddingOf, parseDecimal, type PaxRecord } from "./pax.js";
import { SparseMapReader, digitsOf, type MapSource, type SparseMap } from "./sparse-map.js";
import { decodeNumber, tarBlockBytes } from "./tar-header.js";

export const gnuPrefix = "GNU.sparse.";
/** Format 0.0 lists its segments by repeating these two keys, an offset before each length. */
export const gnuRepeatedKeys: ReadonlySet<string> = new Set([
  "GNU.sparse.offset",
  "GNU.sparse.numbytes",
]);
const knownKeys: ReadonlySet<string> = new Set([
  ...gnuRepeatedKeys,
  "GNU.sparse.major",
  "GNU.sparse.minor",
  "GNU.sparse.name",
  "GNU.sparse.realsize",
  "GNU.sparse.size",
  "GNU.sparse.numblocks",
  "GNU.sparse.map",
]);

/** Reads the next 512-byte block of the archive. */
type ReadBlock = () => Promise<Uint8Array>;

/** The inputs for reading a map, apart from the map itself. */
export interface GnuEntry extends MapSource {
  /** Bytes of the body, including the map if the body contains it. */
  readonly bodyBytes: number;
  readonly readBlock: ReadBlock;
}

/** Reads the sparse map that GNU.sparse records announce. */
export async function readGnuPaxMap(
  records: readonly PaxRecord[],
  pax: ReadonlyMap<string, string>,
  entry: GnuEntry,
): Promise<SparseMap> {
  for (const key of pax.keys()) {
    if (key.startsWith(gnuPrefix) && !knownKeys.has(key)) {
      throw archiveInvalid(`${entry.where}: unknown sparse record ${JSON.stringify(key)}`);
    }
  }
  const major = pax.get("GNU.sparse.major");
  const minor = pax.get("GNU.sparse.minor");
  if (major === "1" && minor === "0") return readFormat10(pax, entry);
  if (major !== undefined && !(major === "0" && (minor === "0" || minor === "1"))) {
    throw archiveInvalid(`${entry.where}: unknown sparse format ${major}.${minor ?? "?"}`, {
      hint: "GNU's sparse formats 0.0, 0.1 and 1.0 are read",
    });
  }
  const map = pax.get("GNU.sparse.map");
  const values =
    map === undefined ? repeatedValues(records, entry) : map === "" ? [] : map.split(",");
  return finishFormat0(values, pax, entry);
}

function repeatedValues(records: readonly PaxRecord[], { where }: GnuEntry): string[] {
  const repeated = records.filter(({ key }) => gnuRepeatedKeys.has(key));
  for (const [index, { key }] of repeated.entries()) {
    if (key.endsWith(".offset") !== (index % 2 === 0)) {
      throw archiveInvalid(`${where}: sparse map: offsets and lengths do not alternate`);
    }
  }
  return repeated.map(({ value }) => value);
}

function finishFormat0(
  values: readonly string[],
  pax: ReadonlyMap<string, string>,
  entry: GnuEntry,
): SparseMap {
  const { where, bodyBytes, maxSegments } = entry;
  const count = requireDecimal(pax, "GNU.sparse.numblocks", where);
  if (count > maxSegments) throw limitExceeded("maxSegments", where, maxSegments, count);
  if (values.length !== count * 2) {
    throw archiveInvalid(
      `${where}: sparse map: segments announced: ${count}, found: ${values.length / 2}`,
    );
  }
  const map = new SparseMapReader(requireDecimal(pax, "GNU.sparse.size", where), entry);
  try {
    for (let i = 0; i < values.length; i += 2) {
      map.add(mapNumber(values[i] ?? "", where), mapNumber(values[i + 1] ?? "", where));
    }
    return map.finish(bodyBytes);
  } catch (error) {
    map.giveUp();
    throw error;
  }
}

/**
 * Reads a map of format 1.0. The body of the entry begins with the map: decimal numbers, one per
 * line, and padding.
 */
async function readFormat10(pax: ReadonlyMap<string, string>, entry: GnuEntry): Promise<SparseMap> {
  const map = new SparseMapReader(requireDecimal(pax, "GNU.sparse.realsize", entry.where), entry);
  try {
    const mapBytes = await readMap10(map, entry);
    return map.finish(entry.bodyBytes - mapBytes);
  } catch (error) {
    map.giveUp();
    throw error;
  }
}

/** Reads the map and returns the number of bytes that it occupied. */
async function readMap10(map: SparseMapReader, entry: GnuEntry): Promise<number> {
  const { where, bodyBytes, maxSegments } = entry;
  let count: number | undefined;
  let offset: number | undefined;
  let mapBytes = 0;
  let rest = "";
  while (count === undefined || map.count < count) {
    if (bodyBytes - mapBytes < tarBlockBytes) {
      throw archiveInvalid(`${where}: sparse map: it goes beyond the entry's ${bodyBytes} bytes`);
    }
    const lines = (rest + Buffer.from(await entry.readBlock()).toString("latin1")).split("\n");
    mapBytes += tarBlockBytes;
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (count !== undefined && map.count === count) break;
      const value = mapNumber(line, where);
      if (count === undefined) count = value;
      else if (offset === undefined) offset = value;
      else {
        map.add(offset, value);
        offset = undefined;
      }
    }
    if ((count ?? 0) > maxSegments)
      throw limitExceeded("maxSegments", where, maxSegments, count ?? 0);
    if (rest.length > tarBlockBytes)
      throw archiveInvalid(`${where}: sparse map: a number too long`);
  }
  return mapBytes;
}

function requireDecimal(pax: ReadonlyMap<string, string>, key: string, where: string): number {
  const value = parseDecimal(pax.get(key) ?? "");
  if (value === undefined) {
    throw archiveInvalid(`${where}: expected ${key} to be a number from 0 to 2^53 - 1`);
  }
  return value;
}

function mapNumber(text: string, where: string): number {
  const value = parseDecimal(text);
  if (value !== undefined) return value;
  throw archiveInvalid(
    `${where}: sparse map: expected a number from 0 to 2^53 - 1, found ${JSON.stringify(text.slice(0, 32))}`,
  );
}

/** Layout of an `S` header and of the blocks that continue it: pairs of 12-byte numbers. */
const numberBytes = 12;
const headerMap = { start: 386, pairs: 4, continuedAt: 482 } as const;
const continuationMap = { start: 0, pairs: 21, continuedAt: 504 } as const;
const realSizeField = [483, 495] as const;

/** Reads the map of an old GNU `S` entry; `readBlock` yields the blocks after the header. */
export async function readOldGnuMap(header: Uint8Array, entry: GnuEntry): Promise<SparseMap> {
  const { where, bodyBytes } = entry;
  const sizeBytes = decodeNumber(header, realSizeField);
  if (sizeBytes === undefined) throw archiveInvalid(`${where}: sparse map: bad real size`);
  const map = new SparseMapReader(sizeBytes, entry);
  try {
    let continued = readPairs(header, headerMap, map, where);
    while (continued) {
      const before = map.count;
      continued = readPairs(await entry.readBlock(), continuationMap, map, where);
      // Without this check, blocks without a segment could continue forever.
      if (map.count === before) throw archiveInvalid(`${where}: sparse map: an empty block`);
    }
    return map.finish(bodyBytes);
  } catch (error) {
    map.giveUp();
    throw error;
  }
}

function readPairs(
  block: Uint8Array,
  layout: typeof headerMap | typeof continuationMap,
  map: SparseMapReader,
  where: string,
): boolean {
  for (let pair = 0; pair < layout.pairs; pair++) {
    const start = layout.start + pair * 2 * numberBytes;
    // A pair that begins with NUL is unused, and so are all later pairs.
    if (block[start] === 0) break;
    const offset = decodeNumber(block, [start, start + numberBytes]);
    const length = decodeNumber(block, [start + numberBytes, start + 2 * numberBytes]);
    if (offset === undefined || length === undefined) {
      throw archiveInvalid(`${where}: sparse map: bad number in segment ${map.count}`);
    }
    map.add(offset, length);
  }
  return (block[layout.continuedAt] ?? 0) !== 0;
}

/** The size of a file's entry in format 1.0. */
interface GnuMapShape {
  readonly segments: number;
  /** True if an empty last segment marks the end of the file. */
  readonly endsWithHole: boolean;
  /** Bytes of the map, including its padding. */
  readonly mapBytes: number;
  readonly dataBytes: number;
}

/** Returns the size of an entry. `extents` must be aligned. */
export function gnuMapShape(extents: Iterable<Extent>, sizeBytes: number): GnuMapShape {
  let segments = 0;
  let end = 0;
  let dataBytes = 0;
  let bytes = 0;
  for (const { offset, length } of extents) {
    segments += 1;
    end = offset + length;
    dataBytes += length;
    bytes += digitsOf(offset) + digitsOf(length) + 2;
  }
  const endsWithHole = segments === 0 || end < sizeBytes;
  if (endsWithHole) {
    segments += 1;
    bytes += digitsOf(sizeBytes) + "\n0\n".length;
  }
  bytes += digitsOf(segments) + 1;
  return { segments, endsWithHole, mapBytes: bytes + paddingOf(bytes), dataBytes };
}

/** Number of characters that are collected before they are yielded. */
const mapPieceLength = 64 * 1024;

/**
 * Yields the map of format 1.0, which precedes the data. If a file ends with a hole, an empty last
 * segment shows GNU tar where the file ends. Without that segment the unpacked file would be too
 * short.
 */
export function* encodeGnuMap(
  extents: Iterable<Extent>,
  sizeBytes: number,
  { segments, endsWithHole, mapBytes }: GnuMapShape,
): Generator<Uint8Array, void, undefined> {
  let text = `${segments}\n`;
  let writtenBytes = 0;
  for (const { offset, length } of extents) {
    text += `${offset}\n${length}\n`;
    if (text.length < mapPieceLength) continue;
    writtenBytes += text.length;
    yield Buffer.from(text, "latin1");
    text = "";
  }
  if (endsWithHole) text += `${sizeBytes}\n0\n`;
  yield Buffer.concat([Buffer.from(text, "latin1")], mapBytes - writtenBytes);
}

/**
 * Widens extents to whole 512-byte blocks; the last block may end with the file. GNU tar starts
 * each segment at a block boundary, while libarchive and Go write segments back to back. Both agree
 * only if all lengths, except the last, are whole blocks.
 */
export function alignExtents(extents: Extents, sizeBytes: number): Iterable<Extent> {
  return { [Symbol.iterator]: () => walkAligned(extents, sizeBytes) };
}

function* walkAligned(
  extents: Extents,
  sizeBytes: number,
): Generator<Extent, undefined, undefined> {
  let start = -1;
  let end = 0;
  for (const { offset, length } of extents) {
    const from = offset - (offset % tarBlockBytes);
    if (start < 0 || from > end) {
      if (start >= 0) yield { offset: start, length: end - start };
      start = from;
    }
    end = Math.min(offset + length + paddingOf(offset + length), sizeBytes);
  }
  if (start >= 0) yield { offset: start, length: end - start };
  return undefined;
}
