// Reads the body of a PUT: bytes in memory, or a region of a file, which may be larger than memory.
// The body is read once for its hash, and once for each time that it is sent.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "@node-rs/crc32";
import { formatBytesApart, mib } from "../../base/sizes.js";
import { StoreError } from "../../base/errors.js";

/** A region of a file. The caller keeps the file open, and unchanged, until the PUT has ended. */
export interface FileRegion {
  readonly handle: Pick<FileHandle, "read">;
  readonly offset: number;
  readonly length: number;
}

/** The body of a PUT. Nobody may change the bytes until the PUT has ended. */
export type PutBody = Uint8Array | readonly Uint8Array[] | FileRegion;

/**
 * Size of a piece. Hashing a piece, or writing it to the socket, takes at most some milliseconds.
 */
const pieceBytes = mib;

export interface Payload {
  readonly sizeBytes: number;
  /** Yields the pieces from the start. A piece is valid until the next is requested. */
  pieces(): AsyncIterable<Uint8Array>;
}

export function payloadOf(body: PutBody): Payload {
  if (body instanceof Uint8Array) return inMemory([body]);
  return "handle" in body ? inFile(body) : inMemory(body);
}

function inMemory(parts: readonly Uint8Array[]): Payload {
  return {
    sizeBytes: parts.reduce((sum, { length }) => sum + length, 0),
    async *pieces() {
      for (const part of parts) {
        for (let from = 0; from < part.length; from += pieceBytes) {
          yield part.subarray(from, from + pieceBytes);
        }
      }
    },
  };
}

function inFile({ handle, offset, length }: FileRegion): Payload {
  return {
    sizeBytes: length,
    async *pieces() {
      const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, length));
      for (let done = 0; done < length;) {
        const wanted = Math.min(buffer.length, length - done);
        const { bytesRead } = await handle.read(buffer, 0, wanted, offset + done);
        if (bytesRead === 0) {
          const [has, wanted] = formatBytesApart(offset + done, offset + length);
          const message = `the file to upload has ${has}; expected at least ${wanted}`;
          throw new StoreError("IO_FAILED", message);
        }
        done += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
  };
}

/** Returns the hash in lower-case hexadecimal. Other work of the daemon runs between two pieces. */
export async function sha256Of(payload: Payload, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of payload.pieces()) {
    signal.throwIfAborted();
    hash.update(piece);
    if (piece.length === pieceBytes) await nextTurn();
  }
  return hash.digest("hex");
}

/**
 * Returns the checksum as `x-amz-checksum-crc32` has it: base64 of four bytes, the highest first.
 */
export async function crc32Of(payload: Payload, signal: AbortSignal): Promise<string> {
  let sum = 0;
  for await (const piece of payload.pieces()) {
    signal.throwIfAborted();
    sum = crc32(piece, sum);
    if (piece.length === pieceBytes) await nextTurn();
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum >>> 0);
  return bytes.toString("base64");
}
