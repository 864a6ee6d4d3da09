// Encodes block tables as files and decodes them. Integers are little-endian, and each field can be
// found by its position:
//
//   offset  0   8  magic "stasisBT"
//           8   4  version: 2, or 1 where the digests are SHA-256
//          12   4  block size in bytes
//          16   8  logical size of the file in bytes
//          24   8  number of runs R
//          32   8  number of digests D
//          40  8R  runs: kind (1 byte: 0 hole, 1 zero, 2 data), 3 bytes 0, number of blocks (u32)
//      40+8R  32D  digests of the data blocks, in order
//  40+8R+32D   32  SHA-256 of everything before
//
// The magic, the version and the SHA-256 at the end are at these places in every version, so that a
// newer table can be recognized. A run of more than 2^32-1 blocks takes several records; the writer
// fills every record except the last.
import { count } from "../base/count.js";
import { createHash } from "node:crypto";
import { open, readFile, type FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { formatUnsupported } from "../model/format.js";
import { ioError, isErrno } from "../holes/errno.js";
import { algorithms, digestBytes, type DigestAlgorithm } from "./block-digest.js";
import { blockCount, type BlockKind, type BlockRun, type BlockTable } from "./block-table.js";

const magic = "stasisBT";
/** The version of a table depends on the algorithm of its digests. */
export const tableVersions: Readonly<Record<DigestAlgorithm, number>> = { sha256: 1, blake3: 2 };
/** Versions that can be read, ascending. The tables of new files have the last one. */
export const blockTableVersions = Object.values(tableVersions).sort((a, b) => a - b);
export const tableHeaderBytes = 40;
/** Bytes of one run. */
export const recordBytes = 8;
const maxRunCount = 0xffff_ffff;
const kinds: readonly BlockKind[] = ["hole", "zero", "data"];

export function encodeBlockTable(table: BlockTable): Uint8Array {
  const records = table.runs.flatMap(splitRun);
  const bodyBytes = tableHeaderBytes + records.length * recordBytes + table.digests.length;
  const bytes = Buffer.alloc(bodyBytes + digestBytes);
  bytes.write(magic, "latin1");
  bytes.writeUInt32LE(tableVersions[table.algorithm], 8);
  bytes.writeUInt32LE(table.blockSizeBytes, 12);
  bytes.writeBigUInt64LE(BigInt(table.sizeBytes), 16);
  bytes.writeBigUInt64LE(BigInt(records.length), 24);
  bytes.writeBigUInt64LE(BigInt(table.digests.length / digestBytes), 32);
  let position = tableHeaderBytes;
  for (const { kind, count } of records) {
    bytes.writeUInt8(kinds.indexOf(kind), position);
    bytes.writeUInt32LE(count, position + 4);
    position += recordBytes;
  }
  bytes.set(table.digests, position);
  bytes.set(sha256(bytes.subarray(0, bodyBytes)), bodyBytes);
  return bytes;
}

function splitRun(run: BlockRun): BlockRun[] {
  const records: BlockRun[] = [];
  for (let left = run.count; left > 0; left -= maxRunCount) {
    records.push({ kind: run.kind, count: Math.min(left, maxRunCount) });
  }
  return records;
}

/**
 * Reads the algorithm from the header alone. Returns undefined if the file cannot be read, or if
 * this stasis does not know the version in the header.
 */
export async function readTableAlgorithm(path: string): Promise<DigestAlgorithm | undefined> {
  const header = Buffer.alloc(tableHeaderBytes);
  try {
    await using handle = await open(path, "r");
    await handle.read(header, 0, tableHeaderBytes, 0);
  } catch {
    return undefined;
  }
  if (header.toString("latin1", 0, magic.length) !== magic) return undefined;
  const version = header.readUInt32LE(8);
  return algorithmOf(version);
}

/**
 * Decodes a table strictly. Throws STORED_DATA_CORRUPT, which names `what`, for anything that
 * `encodeBlockTable` would not write, and FORMAT_UNSUPPORTED for a table of a newer version.
 */
export function decodeBlockTable(input: Uint8Array, what: string): BlockTable {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const bodyBytes = bytes.length - digestBytes;
  requireMagic(bytes, bytes.length, what);
  const version = bytes.readUInt32LE(8);
  if (algorithmOf(version) === undefined) throw unknownVersion(bytes, version, what);
  ensure(hasChecksum(bytes), what, "its checksum does not match");
  const header = decodeTableHeader(bytes, bytes.length, what);
  const { sizeBytes, blockSizeBytes, algorithm, digestCount } = header;
  const digestsStart = tableHeaderBytes + header.recordCount * recordBytes;
  const runs = decodeRuns(bytes.subarray(tableHeaderBytes, digestsStart), what);
  const digests = bytes.subarray(digestsStart, bodyBytes);
  const table = { sizeBytes, blockSizeBytes, runs, algorithm, digests };
  checkCounts(table, digestCount, what);
  return table;
}

export interface TableHeader {
  readonly algorithm: DigestAlgorithm;
  readonly blockSizeBytes: number;
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly digestCount: number;
  /** Bytes of the whole table, with the header and the checksum. */
  readonly lengthBytes: number;
}

/**
 * Decodes the header of a table. Throws STORED_DATA_CORRUPT if the header is malformed or does not
 * fit a table of `lengthBytes` bytes, and FORMAT_UNSUPPORTED for a newer version. The caller
 * compares the checksum.
 */
export function decodeTableHeader(bytes: Buffer, lengthBytes: number, what: string): TableHeader {
  requireMagic(bytes, lengthBytes, what);
  const version = bytes.readUInt32LE(8);
  const algorithm = algorithmOf(version);
  if (algorithm === undefined) throw unknownVersion(undefined, version, what);
  const blockSizeBytes = bytes.readUInt32LE(12);
  ensure(blockSizeBytes > 0, what, "its block size is 0");
  const sizeBytes = readSafe(bytes, 16, what);
  const recordCount = readSafe(bytes, 24, what);
  const digestCount = readSafe(bytes, 32, what);
  const bodyBytes = lengthBytes - digestBytes;
  const expected = tableHeaderBytes + recordCount * recordBytes + digestCount * digestBytes;
  ensure(expected === bodyBytes, what, `its length is ${bodyBytes}, expected ${expected}`);
  return { algorithm, blockSizeBytes, sizeBytes, recordCount, digestCount, lengthBytes };
}

function requireMagic(bytes: Buffer, lengthBytes: number, what: string): void {
  const least = tableHeaderBytes + digestBytes;
  ensure(lengthBytes >= least, what, `it has only ${lengthBytes} bytes`);
  ensure(bytes.toString("latin1", 0, 8) === magic, what, "it does not start with its magic");
}

function algorithmOf(version: number): DigestAlgorithm | undefined {
  return algorithms.find((each) => tableVersions[each] === version);
}

/**
 * Returns the error for an unknown version. If only the version was changed by accident, the
 * checksum shows the original version. Without `bytes`, every higher version counts as a newer one.
 */
function unknownVersion(bytes: Buffer | undefined, version: number, what: string): StoreError {
  const newest = Math.max(...blockTableVersions);
  const original = blockTableVersions.find((each) => {
    if (bytes === undefined) return false;
    const restored = Buffer.from(bytes);
    restored.writeUInt32LE(each, 8);
    return hasChecksum(restored);
  });
  if (version > newest && original === undefined) {
    return formatUnsupported(`block table ${what}`, version, newest, { file: what });
  }
  return corruptTable(what, `its version is ${version}, expected ${original ?? "1 or 2"}`);
}

function hasChecksum(bytes: Buffer): boolean {
  const bodyBytes = bytes.length - digestBytes;
  return sha256(bytes.subarray(0, bodyBytes)).equals(bytes.subarray(bodyBytes));
}

function decodeRuns(bytes: Buffer, what: string): BlockRun[] {
  const runs: { kind: BlockKind; count: number }[] = [];
  let before: BlockRun | undefined;
  for (let position = 0; position < bytes.length; position += recordBytes) {
    const record = decodeRecord(bytes, position, before, what);
    const last = runs.at(-1);
    if (last?.kind === record.kind) last.count += record.count;
    else runs.push({ ...record });
    before = record;
  }
  return runs;
}

/** Decodes one record of a run. `before` is the previous record, if the caller knows it. */
export function decodeRecord(
  bytes: Buffer,
  position: number,
  before: BlockRun | undefined,
  what: string,
): BlockRun {
  const kind = kinds[bytes.readUInt32LE(position)];
  const count = bytes.readUInt32LE(position + 4);
  ensure(kind !== undefined && count > 0, what, "one of its runs is malformed");
  const fits = before?.kind !== kind || before.count === maxRunCount;
  ensure(fits, what, "two runs of one kind follow one another");
  return { kind, count };
}

function checkCounts(table: BlockTable, digestCount: number, what: string): void {
  let blocks = 0;
  let dataBlocks = 0;
  for (const run of table.runs) {
    blocks += run.count;
    if (run.kind === "data") dataBlocks += run.count;
  }
  const wanted = blockCount(table.sizeBytes, table.blockSizeBytes);
  ensure(blocks === wanted, what, `its runs cover ${count(blocks, "block")}, expected ${wanted}`);
  const found = `it has ${count(digestCount, "digest")} for ${count(dataBlocks, "data block")}`;
  ensure(dataBlocks === digestCount, what, found);
}

/** Reads the block table at `path`. Throws STORED_DATA_CORRUPT if it is missing or malformed. */
export async function readBlockTable(path: string): Promise<BlockTable> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw readError(error, path);
  }
  return decodeBlockTable(bytes, path);
}

/**
 * Opens the table of a stored file, so that it can be read in parts. Throws STORED_DATA_CORRUPT if
 * the table is missing.
 */
export async function openTableFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw readError(error, path);
  }
}

function readError(error: unknown, path: string): unknown {
  if (isErrno(error, "ENOENT")) return corruptTable(path, "it is missing");
  return ioError(error, { what: "read the block table", path });
}

function readSafe(bytes: Buffer, position: number, what: string): number {
  const value = bytes.readBigUInt64LE(position);
  ensure(value <= BigInt(Number.MAX_SAFE_INTEGER), what, `it counts ${value}`);
  return Number(value);
}

function ensure(condition: boolean, what: string, problem: string): asserts condition {
  if (!condition) throw corruptTable(what, problem);
}

export function corruptTable(what: string, problem: string): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `block table ${what}: ${problem}`, {
    hint: "The digests can be computed again from the data, but prove nothing about it then",
    resource: { type: "file", name: what },
    metadata: { file: what },
  });
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
