// Provides helpers of the archive tests: streams, files in memory, and hand-made headers.
import assert from "node:assert/strict";
import { StoreError, type ErrorReason } from "../../../src/base/errors.js";
import { OwnedChunk, type OwnedStream } from "../../../src/wire/chunk.js";
import type { Extent } from "../../../src/model/extent.js";
import {
  readTar,
  type ArchiveEntry,
  type ReadTarOptions,
} from "../../../src/archive/tar-reader.js";
import type { ArchiveFile } from "../../../src/archive/tar-writer.js";

export { collect } from "../../support/chunks.js";

export async function* chunked(bytes: Uint8Array, sizes: readonly number[]): OwnedStream {
  let start = 0;
  for (let turn = 0; start < bytes.byteLength; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    await Promise.resolve();
    yield OwnedChunk.copyOf(bytes.subarray(start, start + size));
    start += size;
  }
}

export function oneChunk(...parts: readonly Uint8Array[]): OwnedStream {
  return chunked(Buffer.concat(parts), [Number.MAX_SAFE_INTEGER]);
}

/** Returns a file with the content `bytes`. Everything outside of `extents` is a hole. */
export function memoryFile(
  name: string,
  bytes: Uint8Array,
  extents?: readonly Extent[],
  pieceBytes = 1000,
): ArchiveFile {
  return {
    name,
    mode: 0o640,
    sizeBytes: bytes.byteLength,
    extents,
    async *pieces() {
      for (const { offset, length } of extents ?? [{ offset: 0, length: bytes.byteLength }]) {
        for (let start = offset; start < offset + length; start += pieceBytes) {
          await Promise.resolve();
          const end = Math.min(start + pieceBytes, offset + length);
          yield { offset: start, chunk: OwnedChunk.constant(bytes.subarray(start, end)) };
        }
      }
    },
  };
}

export interface ReadBack extends Omit<ArchiveEntry, "pieces" | "extents"> {
  readonly extents: readonly Extent[] | undefined;
  /** The content of the whole file. Holes are zeros. */
  readonly bytes: Buffer;
}

/** Reads an archive completely. The files must fit into memory. */
export async function readAll(source: OwnedStream, options?: ReadTarOptions): Promise<ReadBack[]> {
  const files: ReadBack[] = [];
  for await (const entry of readTar(source, options)) {
    const { name, mode, sizeBytes, extents } = entry;
    const bytes = Buffer.alloc(sizeBytes);
    let end = 0;
    for await (const { offset, chunk } of entry.pieces()) {
      assert.ok(offset >= end, "pieces ascend");
      assert.ok(chunk.length > 0, "no piece is empty");
      bytes.set(chunk.bytes, offset);
      end = offset + chunk.length;
    }
    files.push({ name, mode, sizeBytes, extents: extents && [...extents], bytes });
  }
  return files;
}

/** Asserts that the promise rejects with this reason and a matching message. */
export async function rejectsWith(
  promise: Promise<unknown>,
  reason: ErrorReason,
  message = /./,
): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof StoreError, `not a StoreError: ${String(error)}`);
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });
}

export interface RawHeader {
  readonly name: string | Uint8Array;
  readonly size?: number | string | Uint8Array;
  readonly type?: string;
  readonly mode?: string;
  readonly magic?: string;
  readonly prefix?: string;
  /** Changes the finished header before its checksum is computed. */
  readonly patch?: (header: Buffer) => void;
}

/** Makes a POSIX header without the code under test. */
export function rawHeader(fields: RawHeader): Buffer {
  const header = Buffer.alloc(512);
  header.set(typeof fields.name === "string" ? Buffer.from(fields.name) : fields.name, 0);
  header.write(fields.mode ?? "0000644\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  const { size = 0 } = fields;
  if (typeof size === "number") header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  else header.set(typeof size === "string" ? Buffer.from(size, "latin1") : size, 124);
  header.write("00000000000\0", 136, "latin1");
  header.write(fields.type ?? "0", 156, "latin1");
  header.write(fields.magic ?? "ustar\x0000", 257, "latin1");
  header.write(fields.prefix ?? "", 345, "latin1");
  fields.patch?.(header);
  return withChecksum(header);
}

export function withChecksum(header: Buffer): Buffer {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Returns the content followed by its padding. */
export function padded(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
}

export function rawFile(name: string, content: string | Uint8Array): Buffer {
  return Buffer.concat([rawHeader({ name, size: Buffer.byteLength(content) }), padded(content)]);
}

/** Makes an extended header with these records, and computes their lengths. */
export function rawPax(records: readonly (readonly [string, string])[], type = "x"): Buffer {
  const body = records.map(([key, value]) => paxRecord(key, value)).join("");
  return rawPaxBody(body, type);
}

export function rawPaxBody(body: string | Uint8Array, type = "x"): Buffer {
  const size = Buffer.byteLength(body);
  return Buffer.concat([rawHeader({ name: "PaxHeaders.0/x", size, type }), padded(body)]);
}

export function paxRecord(key: string, value: string): string {
  const bare = Buffer.byteLength(` ${key}=${value}\n`);
  const length = [1, 2, 3, 4, 5, 6, 7]
    .map((digits) => bare + digits)
    .find((total) => String(total).length + bare === total);
  return `${length} ${key}=${value}\n`;
}

export const endMarker = Buffer.alloc(1024);
