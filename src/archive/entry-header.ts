// Reads all headers of one tar entry: its own, the PAX or GNU headers before it, and its sparse
// map.
import { StoreError, describeValue } from "../base/errors.js";
import { checkDataFileName } from "../model/name.js";
import type { ExtentMap } from "../holes/extent-map.js";
import { archiveCutOff, archiveInvalid } from "./archive-invalid.js";
import type { ByteCursor } from "./byte-cursor.js";
import type { BodyDescription } from "./entry-body.js";
import {
  gnuPrefix,
  gnuRepeatedKeys,
  readGnuPaxMap,
  readOldGnuMap,
  type GnuEntry,
} from "./gnu-sparse.js";
import { limitExceeded, type ArchiveLimits } from "./limits.js";
import { decodePax, indexPax, isFileKey, paddingOf, parseDecimal, type PaxRecord } from "./pax.js";
import { cocoonMapKey, cocoonSizeKey, decodeCocoonMap, type SparseMap } from "./sparse-map.js";
import { decodeTarHeader, tarBlockBytes, untilNul, type TarHeader } from "./tar-header.js";

export interface EntryDescription extends BodyDescription {
  readonly mode: number;
  /**
   * The data extents, or undefined if the entry is not sparse. The caller disposes of the map after
   * reading the entry.
   */
  readonly extents: ExtentMap | undefined;
}

/** Data from the headers before an entry's own header. It overrides fields of that header. */
interface Prelude {
  readonly records: readonly PaxRecord[];
  readonly pax: ReadonlyMap<string, string>;
  /** GNU's long name, as bytes. Undefined if no header of type L precedes the entry. */
  readonly longName: Uint8Array | undefined;
}

const noPrelude: Prelude = { records: [], pax: new Map(), longName: undefined };
const cocoonPrefix = "COCOON.sparse.";

/** Names, by header type (POSIX and GNU), of the entries that a snapshot cannot contain. */
const refusedTypes: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a FIFO",
  D: "a GNU directory dump",
  K: "a link with a long target",
  M: "the continuation of another volume",
  V: "a volume label",
};

/**
 * Reads all headers up to the data of the next entry. Returns "nothing" for a header that adds no
 * file: a global header or the directory ".". Returns "end" for the first zero block of the end
 * marker.
 */
export async function describeEntry(
  cursor: ByteCursor,
  limits: ArchiveLimits,
): Promise<EntryDescription | "nothing" | "end"> {
  let prelude = noPrelude;
  for (;;) {
    const start = cursor.position;
    const block = await readHeaderBlock(cursor);
    if (block === "end") {
      if (prelude === noPrelude) return "end";
      throw archiveInvalid(`byte ${start} of the archive: a PAX or GNU header without an entry`);
    }
    const header = decodeTarHeader(block, `byte ${start} of the archive`);
    const where = `header at byte ${start}`;
    switch (header.type) {
      case "x":
      case "L":
        if (prelude !== noPrelude) throw archiveInvalid(`${where}: two headers for one entry`);
        prelude = readPrelude(header, await readSpecial(cursor, header, limits, where), where);
        continue;
      case "g":
        if (prelude !== noPrelude) throw archiveInvalid(`${where}: a global header for one entry`);
        checkGlobal(await readSpecial(cursor, header, limits, where), where);
        return "nothing";
      default:
        return describe(cursor, block, header, prelude, limits);
    }
  }
}

/**
 * Returns a copy of the next header, because later reads would overwrite a view. Returns "end" for
 * a zero block.
 */
async function readHeaderBlock(cursor: ByteCursor): Promise<Uint8Array | "end"> {
  const what = cursor.position === 0 ? "a tar header" : "the next header or the end marker";
  const block = await cursor.take(tarBlockBytes, what);
  if (block === undefined) throw archiveCutOff(cursor.position, what);
  return block.every((byte) => byte === 0) ? "end" : Buffer.from(block);
}

/** Reads the body of a header that describes another entry. This also consumes the padding. */
async function readSpecial(
  cursor: ByteCursor,
  header: TarHeader,
  limits: ArchiveLimits,
  where: string,
): Promise<Uint8Array> {
  const { sizeBytes } = header;
  if (sizeBytes > limits.maxPaxBytes) {
    throw limitExceeded("maxPaxBytes", where, limits.maxPaxBytes, sizeBytes);
  }
  if (sizeBytes === 0) return new Uint8Array(0);
  const padded = await cursor.take(sizeBytes + paddingOf(sizeBytes), where);
  if (padded === undefined) throw archiveCutOff(cursor.position, `the records of the ${where}`);
  return padded.subarray(0, sizeBytes);
}

function readPrelude(header: TarHeader, body: Uint8Array, where: string): Prelude {
  if (header.type === "L") {
    return { ...noPrelude, longName: Buffer.from(untilNul(body)) };
  }
  const records = decodePax(body, where);
  return { records, pax: indexPax(records, gnuRepeatedKeys, where), longName: undefined };
}

function checkGlobal(body: Uint8Array, where: string): void {
  for (const { key } of decodePax(body, where)) {
    if (isFileKey(key)) {
      throw archiveInvalid(`${where}: ${describeValue(key)} is in a header for all entries`);
    }
  }
}

async function describe(
  cursor: ByteCursor,
  block: Uint8Array,
  header: TarHeader,
  prelude: Prelude,
  limits: ArchiveLimits,
): Promise<EntryDescription | "nothing"> {
  const rawName = entryName(header, prelude);
  const where = `archive entry ${describeValue(rawName)}`;
  const bodyBytes = entrySize(header, prelude, where);
  if (header.type === "5" || (header.type === "0" && rawName.endsWith("/"))) {
    checkRootDirectory(rawName, bodyBytes, where);
    return "nothing";
  }
  if (header.type !== "0" && header.type !== "7" && header.type !== "S") {
    const kind = refusedTypes[header.type] ?? `of the unknown type ${describeValue(header.type)}`;
    throw archiveInvalid(`${where} is ${kind}, not a regular file`, {
      hint: "A snapshot holds regular files in one directory",
      entry: rawName,
    });
  }
  const name = rawName.startsWith("./") ? rawName.slice(2) : rawName;
  checkDataFileName(name, "archive entry");
  const mapStart = cursor.position;
  const map = await readMap(cursor, block, header, prelude, { where, bodyBytes, limits });
  // The old GNU format continues its header with map blocks, which do not belong to the body.
  const mapBytes = header.type === "S" ? 0 : cursor.position - mapStart;
  const sizeBytes = map?.sizeBytes ?? bodyBytes;
  try {
    checkStarSize(prelude, sizeBytes, where);
  } catch (error) {
    map?.extents[Symbol.dispose]();
    throw error;
  }
  const { mode } = header;
  return { where, name, mode, sizeBytes, extents: map?.extents, dataBytes: bodyBytes - mapBytes };
}

function entryName(header: TarHeader, { pax, longName }: Prelude): string {
  const fromPax = pax.get("GNU.sparse.name") ?? pax.get("path");
  if (fromPax !== undefined) return fromPax;
  // The decoder replaces invalid UTF-8 by U+FFFD, which the name check rejects.
  return Buffer.from(longName ?? header.name).toString("utf8");
}

function entrySize(header: TarHeader, { pax }: Prelude, where: string): number {
  const size = pax.get("size");
  if (size === undefined) return header.sizeBytes;
  const sizeBytes = parseDecimal(size);
  if (sizeBytes !== undefined) return sizeBytes;
  throw archiveInvalid(`${where}: the PAX size is not a number from 0 to 2^53 - 1`);
}

/**
 * Throws unless the directory is the root directory and has no data. `tar cf x.tar .` adds an entry
 * for that directory, which we accept.
 */
function checkRootDirectory(name: string, bodyBytes: number, where: string): void {
  if (!/^\.\/*$/.test(name)) {
    throw archiveInvalid(`${where} is a directory`, {
      hint: "A snapshot holds regular files in one directory, without subdirectories",
      entry: name,
    });
  }
  if (bodyBytes !== 0)
    throw archiveInvalid(`${where}: a directory with ${bodyBytes} bytes of data`);
}

interface MapContext {
  readonly where: string;
  readonly bodyBytes: number;
  readonly limits: ArchiveLimits;
}

/** Returns the sparse map in the notation of the entry. Returns undefined for a plain entry. */
async function readMap(
  cursor: ByteCursor,
  block: Uint8Array,
  header: TarHeader,
  { records, pax }: Prelude,
  { where, bodyBytes, limits }: MapContext,
): Promise<SparseMap | undefined> {
  const { maxSegments } = limits;
  const keys = [...pax.keys()];
  const cocoonKeys = keys.filter((key) => key.startsWith(cocoonPrefix));
  const hasGnuKeys = keys.some((key) => key.startsWith(gnuPrefix));
  const notations = [cocoonKeys.length > 0, hasGnuKeys, header.type === "S"];
  if (notations.filter(Boolean).length > 1) {
    throw archiveInvalid(`${where} has sparse maps in two notations`);
  }
  const gnu: GnuEntry = { where, bodyBytes, maxSegments, readBlock: blockReader(cursor, where) };
  if (hasGnuKeys) return readGnuPaxMap(records, pax, gnu);
  if (header.type === "S") {
    if (header.format === "gnu") return readOldGnuMap(block, gnu);
    throw archiveInvalid(`${where}: its notation of holes (type S outside GNU tar) is not read`, {
      hint: "Pack it with GNU tar or bsdtar",
    });
  }
  if (cocoonKeys.length === 0) return undefined;
  const map = pax.get(cocoonMapKey);
  const size = pax.get(cocoonSizeKey);
  if (map === undefined || size === undefined || cocoonKeys.length !== 2) {
    throw archiveInvalid(
      `${where}: expected the PAX records ${cocoonMapKey} and ${cocoonSizeKey}, found ${cocoonKeys.join(" and ")}`,
    );
  }
  return decodeCocoonMap(map, size, bodyBytes, { where, maxSegments });
}

function blockReader(cursor: ByteCursor, where: string): () => Promise<Uint8Array> {
  const what = `the sparse map of ${where}`;
  return async () => {
    const block = await cursor.take(tarBlockBytes, what);
    if (block === undefined) throw archiveCutOff(cursor.position, what);
    return block;
  };
}

/**
 * Throws if `SCHILY.realsize` differs from `sizeBytes`. star stores the size of a sparse file under
 * this key, next to a map that we do not read.
 */
function checkStarSize({ pax }: Prelude, sizeBytes: number, where: string): void {
  const starSize = pax.get("SCHILY.realsize");
  if (starSize === undefined || parseDecimal(starSize) === sizeBytes) return;
  throw new StoreError(
    "ARCHIVE_INVALID",
    `${where}: SCHILY.realsize says ${describeValue(starSize)}, but the file has ${sizeBytes} bytes`,
  );
}
