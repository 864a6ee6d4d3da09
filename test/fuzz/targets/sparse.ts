// Fuzzes sparse maps alone, in the notations of cocoon and GNU. The first byte selects the
// notation.
import assert from "node:assert/strict";
import { archiveCutOff } from "../../../src/archive/archive-invalid.js";
import { readGnuPaxMap, readOldGnuMap, type GnuEntry } from "../../../src/archive/gnu-sparse.js";
import { decodePax, indexPax } from "../../../src/archive/pax.js";
import { gnuRepeatedKeys } from "../../../src/archive/gnu-sparse.js";
import {
  decodeCocoonMap,
  extentsProblem,
  type SparseMap,
} from "../../../src/archive/sparse-map.js";
import { totalLength } from "../../../src/model/extent.js";
import { parsed, parsedLater } from "../only-store-errors.js";

const reasons = ["ARCHIVE_INVALID", "LIMIT_EXCEEDED"] as const;
const blockBytes = 512;
const maxSegments = 64;
/**
 * The input before the map contains the notation, the bytes of the body, and the length of the PAX
 * records.
 */
const headBytes = 6;

export async function fuzz(data: Buffer): Promise<void> {
  if (data.length < headBytes) return;
  const bodyBytes = data.readUInt16LE(1);
  const split = headBytes + Math.min(data.readUInt16LE(3), data.length - headBytes);
  const first = data.subarray(headBytes, split);
  const rest = data.subarray(split);
  const map = await read(data.readUInt8(0) % 3, first, rest, bodyBytes);
  if (map === undefined) return;
  assert.equal(extentsProblem(map.extents, map.sizeBytes), undefined);
  assert.ok(totalLength(map.extents) <= bodyBytes, "more data than the entry has");
  assert.ok(map.extents.length <= maxSegments, "more segments than are allowed");
}

async function read(
  notation: number,
  first: Buffer,
  rest: Buffer,
  bodyBytes: number,
): Promise<SparseMap | undefined> {
  if (notation === 0) {
    const [map, size] = [first.toString(), rest.toString()];
    return parsed(reasons, () =>
      decodeCocoonMap(map, size, bodyBytes, { where: "entry", maxSegments }),
    );
  }
  let at = 0;
  const entry: GnuEntry = {
    where: "entry",
    bodyBytes,
    maxSegments,
    readBlock: async () => {
      if (at + blockBytes > rest.length) throw archiveCutOff(at, "the map");
      at += blockBytes;
      return rest.subarray(at - blockBytes, at);
    },
  };
  if (notation === 1) {
    const header = Buffer.alloc(blockBytes);
    header.set(first.subarray(0, blockBytes));
    return parsedLater(reasons, () => readOldGnuMap(header, entry));
  }
  const records = parsed(reasons, () => decodePax(first, "header"));
  if (records === undefined) return undefined;
  const pax = parsed(reasons, () => indexPax(records, gnuRepeatedKeys, "header"));
  return pax && parsedLater(reasons, () => readGnuPaxMap(records, pax, entry));
}
