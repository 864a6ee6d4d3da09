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
//      40+8R  32D  BLAKE3 of the data blocks, in order
//  40+8R+32D   32  SHA-256 of everything before
//
// The magic, the version and the SHA-256 at the end are at these places in every version, so that a
// newer table can be recognized. A run of more than 2^32-1 blocks takes several records; the writer
// fills every record except the last.
import { count } from "../base/count.js";
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { formatUnsupported } from "../model/format.js";
import { ioError, isErrno } from "../holes/errno.js";
import { algorithms, digestBytes, type DigestAlgorithm } from "./block-digest.js";
import { blockCount, type BlockKind, type BlockRun, type BlockTable } from "./block-table.js";

const magic = "stasisBT";
/** The version of a table depends on the algorithm of its digests. */
export const tableVersions: Readonly<Record<DigestAlgorithm, number>> = { sha256: 1, blake3: 2 };
/** Versions that can be read, ascending; the last one is written. */
export const blockTableVersions = Object.values(tableVersions).sort((a, b) => a - b);
const headerBytes = 40;
const runBytes = 8;
const maxRunCount = 0xffff_ffff;
const kinds: readonly BlockKind[] = ["hole", "zero", "data"];

export function encodeBlockTable(table: BlockTable): Uint8Array {
  const records = table.runs.flatMap(splitRun);
  const bodyBytes = headerBytes + records.length * runBytes + table.digests.length;
  const bytes = Buffer.alloc(bodyBytes + digestBytes);
  bytes.write(magic, "latin1");
  bytes.writeUInt32LE(tableVersions[table.algorithm], 8);
  bytes.writeUInt32LE(table.blockSizeBytes, 12);
  bytes.writeBigUInt64LE(BigInt(table.sizeBytes), 16);
  bytes.writeBigUInt64LE(BigInt(records.length), 24);
  bytes.writeBigUInt64LE(BigInt(table.digests.length / digestBytes), 32);
  let position = headerBytes;
  for (const { kind, count } of records) {
    bytes.writeUInt8(kinds.indexOf(kind), position);
    bytes.writeUInt32LE(count, position + 4);
    position += runBytes;
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
 * Reads the algorithm from the header alone. Returns undefined if this version does not know the
 * header.
 */
export async function readTableAlgorithm(path: string): Promise<DigestAlgorithm | undefined> {
  const header = Buffer.alloc(headerBytes);
  try {
    await using handle = await open(path, "r");
    await handle.read(header, 0, headerBytes, 0);
  } catch {
    return undefined;
  }
  if (header.toString("latin1", 0, magic.length) !== magic) return undefined;
  const version = header.readUInt32LE(8);
  return algorithms.find((algorithm) => tableVersions[algorithm] === version);
}

/**
 * Decodes a table strictly. Throws STORED_DATA_CORRUPT, which names `what`, for anything that
 * `encodeBlockTable` would not write, and FORMAT_UNSUPPORTED for a table of a newer version.
 */
export function decodeBlockTable(input: Uint8Array, what: string): BlockTable {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const bodyBytes = bytes.length - digestBytes;
  ensure(bodyBytes >= headerBytes, what, `it has only ${bytes.length} bytes`);
  ensure(bytes.toString("latin1", 0, 8) === magic, what, "it does not start with its magic");
  const version = bytes.readUInt32LE(8);
  const algorithm = algorithms.find((each) => tableVersions[each] === version);
  if (algorithm === undefined) throw unknownVersion(bytes, version, what);
  ensure(hasChecksum(bytes), what, "its checksum does not match");
  const blockSizeBytes = bytes.readUInt32LE(12);
  ensure(blockSizeBytes > 0, what, "its block size is 0");
  const sizeBytes = readSafe(bytes, 16, what);
  const recordCount = readSafe(bytes, 24, what);
  const digestCount = readSafe(bytes, 32, what);
  const expected = headerBytes + recordCount * runBytes + digestCount * digestBytes;
  ensure(expected === bodyBytes, what, `its length is ${bodyBytes}, expected ${expected}`);
  const digestsStart = headerBytes + recordCount * runBytes;
  const runs = decodeRuns(bytes.subarray(headerBytes, digestsStart), what);
  const table = {
    sizeBytes,
    blockSizeBytes,
    runs,
    algorithm,
    digests: bytes.subarray(digestsStart, bodyBytes),
  };
  checkCounts(table, digestCount, what);
  return table;
}

/**
 * Returns the error for an unknown version. If only the version was changed by accident, the
 * checksum shows the original version.
 */
function unknownVersion(bytes: Buffer, version: number, what: string): StoreError {
  const newest = Math.max(...blockTableVersions);
  const original = blockTableVersions.find((each) => {
    const restored = Buffer.from(bytes);
    restored.writeUInt32LE(each, 8);
    return hasChecksum(restored);
  });
  if (version > newest && original === undefined) {
    return formatUnsupported(`block table ${what}`, version, newest, { file: what });
  }
  return corrupt(what, `its version is ${version}, expected ${original ?? "1 or 2"}`);
}

function hasChecksum(bytes: Buffer): boolean {
  const bodyBytes = bytes.length - digestBytes;
  return sha256(bytes.subarray(0, bodyBytes)).equals(bytes.subarray(bodyBytes));
}

function decodeRuns(bytes: Buffer, what: string): BlockRun[] {
  const runs: { kind: BlockKind; count: number }[] = [];
  let lastWasFull = false;
  for (let position = 0; position < bytes.length; position += runBytes) {
    const word = bytes.readUInt32LE(position);
    const kind = kinds[word];
    const count = bytes.readUInt32LE(position + 4);
    ensure(kind !== undefined && count > 0, what, `its run ${runs.length} is malformed`);
    const last = runs.at(-1);
    if (last?.kind === kind) {
      ensure(lastWasFull, what, `its run ${runs.length} has the same kind as the run before it`);
      last.count += count;
    } else {
      runs.push({ kind, count });
    }
    lastWasFull = count === maxRunCount;
  }
  return runs;
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

/** Reads the table of a stored file. Throws STORED_DATA_CORRUPT if the table is missing. */
export async function readBlockTable(path: string): Promise<BlockTable> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw corrupt(path, "it is missing");
    throw ioError(error, { what: "read the block table", path });
  }
  return decodeBlockTable(bytes, path);
}

function readSafe(bytes: Buffer, position: number, what: string): number {
  const value = bytes.readBigUInt64LE(position);
  ensure(value <= BigInt(Number.MAX_SAFE_INTEGER), what, `it counts ${value}`);
  return Number(value);
}

function ensure(condition: boolean, what: string, problem: string): asserts condition {
  if (!condition) throw corrupt(what, problem);
}

function corrupt(what: string, problem: string): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `block table ${what}: ${problem}`, {
    hint: "The digests can be computed again from the data, but prove nothing about it then",
    resource: { type: "file", name: what },
    metadata: { file: what },
  });
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
