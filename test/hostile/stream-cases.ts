// Makes streams that end too early, continue too long, or decompress to far more than was sent.
import { gzipSync } from "node:zlib";
import { zstdAvailable } from "../../src/archive/compression.js";
import { rawFile } from "../unit/archive/support.js";
import { archiveOf, endMarker, envelopeEntry, envelopeText, goodFile } from "./hostile-case.js";
import { refused, type HostileCase } from "./hostile-case.js";

const mib = 1024 * 1024;
const block = 512;

/**
 * Cuts an archive at every block boundary, because a tar reader could believe there that it is
 * complete.
 */
function truncations(): HostileCase[] {
  const whole = archiveOf(goodFile, rawFile("disk", Buffer.alloc(3 * block, 7)));
  return Array.from({ length: whole.byteLength / block }, (_, index) => index * block).map((end) =>
    refused(`cut off at byte ${end} of ${whole.byteLength}`, () => whole.subarray(0, end)),
  );
}

function gzipped(change: (bytes: Buffer) => Uint8Array): () => Uint8Array {
  return () => change(gzipSync(archiveOf(goodFile)));
}

function changedAt(offsetFromEnd: number): () => Uint8Array {
  return gzipped((bytes) => {
    const at = bytes.byteLength - offsetFromEnd;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
    return bytes;
  });
}

/**
 * Makes a zstd frame of run-length blocks: 128 KiB of zeros in four bytes each (RFC 8878, 3.1.1).
 */
function zstdZeros(bytes: number): Buffer {
  const blockBytes = 128 * 1024;
  const count = Math.ceil(bytes / blockBytes);
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  const blocks = Array.from({ length: count }, (_, index) => {
    const last = index === count - 1 ? 1 : 0;
    const head = Buffer.alloc(4);
    head.writeUIntLE(last | (1 << 1) | (blockBytes << 3), 0, 3);
    return head;
  });
  return Buffer.concat([header, ...blocks]);
}

/** Makes a complete tar with this many zeros after its end. */
const padding = (bytes: number): Buffer =>
  Buffer.concat([archiveOf(goodFile), Buffer.alloc(bytes)]);

const cases: readonly HostileCase[] = [
  ...truncations(),
  refused("nothing at all", () => Buffer.alloc(0)),
  refused("text", () => Buffer.from("this is not an archive\n".repeat(100))),
  refused("zeros only", () => Buffer.alloc(10_240), "ENVELOPE_MISSING"),
  refused("0xff only", () => Buffer.alloc(10_240, 0xff)),
  refused("cut at an entry, files listed", () => {
    const files = ["memory", "disk"];
    return Buffer.concat([envelopeEntry(envelopeText({ files })), goodFile, endMarker]);
  }),
  refused("cut at an entry, no end marker", () => Buffer.concat([envelopeEntry(), goodFile])),
  refused("one zero block at the end", () =>
    Buffer.concat([envelopeEntry(), goodFile, Buffer.alloc(block)]),
  ),
  refused("a lone zero block between entries", () =>
    archiveOf(goodFile, Buffer.alloc(block), rawFile("disk", "data")),
  ),
  refused("a second archive after the first", () =>
    Buffer.concat([archiveOf(goodFile), archiveOf(goodFile)]),
  ),
  refused("a byte after the end", () => Buffer.concat([archiveOf(goodFile), Buffer.from([1])])),
  refused("65 MiB of zeros after the end", () => padding(65 * mib), "LIMIT_EXCEEDED"),
  refused("gzip bomb after the end", () => gzipSync(padding(300 * mib)), "LIMIT_EXCEEDED"),
  refused(
    "zstd bomb after the end",
    () => Buffer.concat([zstdZeros(4096 * mib), zstdZeros(4096 * mib)]),
    "LIMIT_EXCEEDED",
  ),
  refused(
    "gzip bomb in the envelope",
    () => gzipSync(Buffer.concat([envelopeEntry(" ".repeat(64 * mib)), goodFile, endMarker])),
    "LIMIT_EXCEEDED",
  ),
  refused("gzip with a wrong CRC", changedAt(8)),
  refused("gzip with a wrong length", changedAt(4)),
  refused(
    "gzip cut off",
    gzipped((bytes) => bytes.subarray(0, -9)),
  ),
  refused(
    "gzip without its trailer",
    gzipped((bytes) => bytes.subarray(0, -8)),
  ),
  refused(
    "gzip followed by garbage",
    gzipped((bytes) => Buffer.concat([bytes, Buffer.from("garbage")])),
  ),
  refused(
    "gzip followed by zeros",
    gzipped((bytes) => Buffer.concat([bytes, Buffer.alloc(100)])),
  ),
  refused(
    "gzip with a second archive as a second member",
    gzipped((bytes) => Buffer.concat([bytes, bytes])),
  ),
  refused(
    "gzip in gzip",
    gzipped((bytes) => gzipSync(bytes)),
  ),
  refused("gzip header only", () => Buffer.from([0x1f, 0x8b])),
  refused("zstd header only", () => Buffer.from([0x28, 0xb5, 0x2f, 0xfd])),
  refused("zstd cut off", () => zstdZeros(mib).subarray(0, -2)),
  refused("zstd block of a reserved type", () =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 0x07, 0x00, 0x00]),
  ),
  refused(
    "gzip in two members",
    () => {
      const whole = archiveOf(goodFile);
      return Buffer.concat([gzipSync(whole.subarray(0, 700)), gzipSync(whole.subarray(700))]);
    },
    "stored",
  ),
];

const hasZstd = await zstdAvailable();

/**
 * Leaves out zstd if this Node does not support it, because the reason would be NOT_IMPLEMENTED.
 */
export const streamCases = cases.filter(({ name }) => hasZstd || !name.startsWith("zstd"));
