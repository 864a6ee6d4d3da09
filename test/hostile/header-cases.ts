// Makes archives whose headers have false checksums, sizes or PAX records, or are far too many.
import { rawFile, rawHeader, rawPax, rawPaxBody } from "../unit/archive/support.js";
import { archiveOf, endMarker, envelopeEntry, goodFile, refused, withPax } from "./hostile-case.js";
import type { HostileCase } from "./hostile-case.js";

const mib = 1024 * 1024;

function sized(size: string | number | Uint8Array): Buffer {
  return archiveOf(goodFile, rawHeader({ name: "disk", size }), Buffer.alloc(512, 1));
}

function base256(...bytes: readonly number[]): Buffer {
  const field = Buffer.alloc(12);
  field.set(bytes.slice(0, 12));
  return field;
}

function badChecksum(): Buffer {
  const header = rawHeader({ name: "disk" });
  header.writeUInt8(header.readUInt8(0) ^ 1, 0);
  return archiveOf(goodFile, header);
}

const badSizes: readonly (readonly [what: string, size: string | Uint8Array])[] = [
  ["negative in base-256", Buffer.alloc(12, 0xff)],
  ["2^63 in base-256", base256(0x80, 0, 0, 0, 0x80)],
  ["2^94 in base-256", Buffer.concat([Buffer.from([0xbf]), Buffer.alloc(11, 0xff)])],
  ["minus sign", "-0000000001\0"],
  ["digits 8 and 9", "00000000089\0"],
  ["hexadecimal", "0x0000000ff\0"],
  ["letters", "garbage....\0"],
  ["a gap in the digits", "000 0000001\0"],
  ["empty", "\0".repeat(12)],
];

const badPaxBodies: readonly (readonly [what: string, body: string])[] = [
  ["length too long", "99 path=x\n"],
  ["length too short", "5 path=x\n"],
  ["length zero", "0 path=x\n"],
  ["length negative", "-9 path=x\n"],
  ["length of 30 digits", `${"9".repeat(30)} path=x\n`],
  ["length without a number", "path=x\n"],
  ["no equals sign", "8 pathx\n"],
  ["no key", "5 =x\n"],
  ["no newline", "10 path=xy"],
  ["NULs", "\0".repeat(100)],
];

/**
 * Yields an archive with `count` copies of the entry, a hundred at a time, so that the whole
 * archive is never in memory.
 */
function* many(entry: Buffer, count: number): Generator<Uint8Array> {
  yield envelopeEntry();
  const hundred = Buffer.concat(Array.from({ length: 100 }, () => entry));
  for (let sent = 0; sent < count; sent += 100) yield hundred;
  yield Buffer.concat([goodFile, endMarker]);
}

function* manyFiles(count: number): Generator<Uint8Array> {
  yield envelopeEntry();
  for (let index = 0; index < count; index++) yield rawHeader({ name: `file-${index}` });
  yield endMarker;
}

export const headerCases: readonly HostileCase[] = [
  refused("checksum wrong", badChecksum),
  refused("unknown magic", () => archiveOf(goodFile, rawHeader({ name: "x", magic: "tarball0" }))),
  refused("mode is not a number", () =>
    archiveOf(goodFile, rawHeader({ name: "x", mode: "rwxr-xr\0" })),
  ),
  refused(
    "set-user-id mode",
    () => archiveOf(rawHeader({ name: "x", mode: "0004755\0" })),
    "stored",
  ),
  ...badSizes.map(([what, size]) => refused(`size: ${what}`, () => sized(size))),
  refused("size beyond the archive", () => sized(1024 * mib)),
  refused("size below the data", () => sized(0)),
  refused(
    "size of 2^53 - 1, the maximum for a sum of sizes",
    () => sized(base256(0x80, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
    "LIMIT_EXCEEDED",
  ),
  refused("PAX size of 1e309", () => withPax([["size", "1e309"]])),
  refused("PAX size negative", () => withPax([["size", "-1"]])),
  refused("PAX size beyond the archive", () => withPax([["size", "1048576"]])),
  refused("PAX size below the data", () => withPax([["size", "0"]])),
  refused("PAX size of 2^53", () => withPax([["size", "9007199254740992"]])),
  ...badPaxBodies.map(([what, body]) =>
    refused(`PAX: ${what}`, () => archiveOf(goodFile, rawPaxBody(body), rawFile("x", "data"))),
  ),
  refused(
    "PAX header of 1 MiB and a byte",
    () => archiveOf(rawPaxBody(Buffer.alloc(mib + 1, "a")), goodFile),
    "LIMIT_EXCEEDED",
  ),
  refused(
    "PAX header that declares 8 GiB",
    () => archiveOf(rawHeader({ name: "pax", type: "x", size: 8 ** 11 - 1 }), goodFile),
    "LIMIT_EXCEEDED",
  ),
  refused(
    "GNU long name of 8 GiB",
    () => archiveOf(rawHeader({ name: "long", type: "L", size: 8 ** 11 - 1 }), goodFile),
    "LIMIT_EXCEEDED",
  ),
  refused("PAX header without an entry", () => archiveOf(goodFile, rawPax([["path", "x"]]))),
  refused("two PAX headers for one entry", () =>
    archiveOf(rawPax([["path", "x"]]), rawPax([["path", "y"]]), goodFile),
  ),
  refused("name in a global header", () => archiveOf(rawPax([["path", "x"]], "g"), goodFile)),
  refused("sparse map in a global header", () =>
    archiveOf(rawPax([["COCOON.sparse.map", "[]"]], "g"), goodFile),
  ),
  refused(
    "5,000 global headers",
    () => many(rawPax([["comment", "x"]], "g"), 5000),
    "LIMIT_EXCEEDED",
  ),
  refused(
    "5,000 directory entries",
    () => many(rawHeader({ name: "./", type: "5" }), 5000),
    "LIMIT_EXCEEDED",
  ),
  refused("5,000 files", () => manyFiles(5000), "LIMIT_EXCEEDED"),
];
