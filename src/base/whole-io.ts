// Reads and writes files until all bytes are done, because one call may process only a part of
// them.
import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";

/** The interface of an open file for readers: a FileHandle, or an object that owns a descriptor. */
export interface ReadableFile {
  readonly fd: number;
  read(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/**
 * Reads into `bytes` from `position` on. Returns the number of bytes read, which is smaller than
 * requested only if the file ends. Throws Node's own error.
 */
export async function readFully(
  handle: Pick<ReadableFile, "read">,
  bytes: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Does the same as `readFully` in the calling thread. */
export function readFullySync(fd: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const read = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/**
 * Writes all bytes from `position` on. Without `position`, it writes at the file's current
 * position.
 */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const at = position === undefined ? null : position + done;
    done += (await handle.write(bytes, done, bytes.length - done, at)).bytesWritten;
  }
}
