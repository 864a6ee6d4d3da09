// GNU tar's notations of sparse files: PAX 0.0, 0.1 and 1.0 and the header type `S` when reading,
// PAX 1.0 when writing. Spec: the GNU tar manual, "Sparse Formats" (appendix D.2).
import type { Extent } from "../model/extent.js";
import { archiveInvalid } from "./archive-invalid.js";
import { limitExceeded } from "./limits.js";
import { paddingOf, parseDecimal, type PaxRecord } from "./pax.js";
import { finishSparseMap, type SparseMap } from "./sparse-map.js";
import { decodeNumber, tarBlockBytes } from "./tar-header.js";

export const gnuPrefix = "GNU.sparse.";
/** Format 0.0 lists its segments by repeating these two, an offset before each length. */
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

/** Reads the next 512-byte block of the entry's body. */
export type ReadBlock = () => Promise<Uint8Array>;

/** What the map of an entry needs to be read, beside the map itself. */
export interface GnuEntry {
  readonly where: string;
  /** Bytes of the body, map included where it stands there. */
  readonly bodyBytes: number;
  readonly maxSegments: number;
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
  { where, bodyBytes, maxSegments }: GnuEntry,
): SparseMap {
  const count = requireDecimal(pax, "GNU.sparse.numblocks", where);
  if (count > maxSegments) throw limitExceeded("maxSegments", where, maxSegments, count);
  if (values.length !== count * 2) {
    throw archiveInvalid(
      `${where}: sparse map: ${count} segments announced, ${values.length / 2} found`,
    );
  }
  const segments: Extent[] = [];
  for (let i = 0; i < values.length; i += 2) {
    segments.push({
      offset: mapNumber(values[i] ?? "", where),
      length: mapNumber(values[i + 1] ?? "", where),
    });
  }
  return finishSparseMap(segments, requireDecimal(pax, "GNU.sparse.size", where), bodyBytes, where);
}

/** Format 1.0: the body begins with the map, decimal numbers each with a newline, padded. */
async function readFormat10(pax: ReadonlyMap<string, string>, entry: GnuEntry): Promise<SparseMap> {
  const { where, bodyBytes, maxSegments } = entry;
  const sizeBytes = requireDecimal(pax, "GNU.sparse.realsize", where);
  const segments: Extent[] = [];
  let count: number | undefined;
  let offset: number | undefined;
  let mapBytes = 0;
  let rest = "";
  while (count === undefined || segments.length < count) {
    if (bodyBytes - mapBytes < tarBlockBytes) {
      throw archiveInvalid(`${where}: sparse map: it goes beyond the entry's ${bodyBytes} bytes`);
    }
    const lines = (rest + Buffer.from(await entry.readBlock()).toString("latin1")).split("\n");
    mapBytes += tarBlockBytes;
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (count !== undefined && segments.length === count) break;
      const value = mapNumber(line, where);
      if (count === undefined) count = value;
      else if (offset === undefined) offset = value;
      else {
        segments.push({ offset, length: value });
        offset = undefined;
      }
    }
    if ((count ?? 0) > maxSegments)
      throw limitExceeded("maxSegments", where, maxSegments, count ?? 0);
    if (rest.length > tarBlockBytes)
      throw archiveInvalid(`${where}: sparse map: a number too long`);
  }
  return finishSparseMap(segments, sizeBytes, bodyBytes - mapBytes, where);
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
  const { where, bodyBytes, maxSegments } = entry;
  const sizeBytes = decodeNumber(header, realSizeField);
  if (sizeBytes === undefined) throw archiveInvalid(`${where}: sparse map: bad real size`);
  const segments: Extent[] = [];
  let continued = readPairs(header, headerMap, segments, where);
  while (continued && segments.length <= maxSegments) {
    const before = segments.length;
    continued = readPairs(await entry.readBlock(), continuationMap, segments, where);
    // Otherwise blocks without a segment could go on for ever.
    if (segments.length === before) throw archiveInvalid(`${where}: sparse map: an empty block`);
  }
  if (segments.length > maxSegments) {
    throw limitExceeded("maxSegments", where, maxSegments, segments.length);
  }
  return finishSparseMap(segments, sizeBytes, bodyBytes, where);
}

function readPairs(
  block: Uint8Array,
  layout: typeof headerMap | typeof continuationMap,
  segments: Extent[],
  where: string,
): boolean {
  for (let pair = 0; pair < layout.pairs; pair++) {
    const start = layout.start + pair * 2 * numberBytes;
    // A pair that begins with NUL is unused, and so are those after it.
    if (block[start] === 0) break;
    const offset = decodeNumber(block, [start, start + numberBytes]);
    const length = decodeNumber(block, [start + numberBytes, start + 2 * numberBytes]);
    if (offset === undefined || length === undefined) {
      throw archiveInvalid(`${where}: sparse map: bad number in segment ${segments.length}`);
    }
    segments.push({ offset, length });
  }
  return (block[layout.continuedAt] ?? 0) !== 0;
}

/**
 * The map of format 1.0 as it stands before the data. A last empty segment tells GNU tar where a
 * file ends whose end is a hole: without it the file would come out short.
 */
export function encodeGnuMap(extents: readonly Extent[], sizeBytes: number): Uint8Array {
  const last = extents.at(-1);
  const endsWithHole = last === undefined || last.offset + last.length < sizeBytes;
  const segments = endsWithHole ? [...extents, { offset: sizeBytes, length: 0 }] : extents;
  const lines = segments.map(({ offset, length }) => `${offset}\n${length}\n`);
  const map = Buffer.from(`${segments.length}\n${lines.join("")}`);
  return Buffer.concat([map, Buffer.alloc(paddingOf(map.byteLength))]);
}

/**
 * Widens extents to whole 512-byte blocks. GNU tar starts each segment at a block of its own while
 * libarchive and Go put them back to back: both agree only where lengths are whole blocks.
 */
export function alignExtents(extents: readonly Extent[], sizeBytes: number): Extent[] {
  const aligned: Extent[] = [];
  let last: { offset: number; length: number } | undefined;
  for (const extent of extents) {
    const start = extent.offset - (extent.offset % tarBlockBytes);
    const extentEnd = extent.offset + extent.length;
    const end = Math.min(extentEnd + paddingOf(extentEnd), sizeBytes);
    if (last !== undefined && start <= last.offset + last.length) {
      last.length = end - last.offset;
      continue;
    }
    last = { offset: start, length: end - start };
    aligned.push(last);
  }
  return aligned;
}
