// Makes holes in a file that is being written.
import type { FileHandle } from "node:fs/promises";
import { formatBytes } from "../base/sizes.js";
import { writeFully } from "../base/whole-io.js";
import type { Extent } from "../model/extent.js";
import { isErrno, withIoError } from "./errno.js";
import { disk } from "./file-operations.js";

const zeros = Buffer.alloc(256 * 1024);
/** Error codes of a filesystem that cannot make holes in a file. */
const notHere = ["EOPNOTSUPP", "ENOTSUP", "ENOSYS"];

/**
 * Makes these ranges holes, or writes zeros if the filesystem cannot make holes. `path` is the name
 * of the file in messages.
 */
export async function punchHoles(
  handle: FileHandle,
  holes: Iterable<Extent>,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let canPunch = true;
  for (const { offset, length } of holes) {
    signal?.throwIfAborted();
    const what = `make a hole of ${formatBytes(length)} at offset ${offset}`;
    await withIoError({ what, path }, async () => {
      canPunch &&= await punch(handle.fd, offset, length);
      if (!canPunch) await writeZeros(handle, offset, length);
    });
  }
}

async function punch(fd: number, offset: number, length: number): Promise<boolean> {
  try {
    await disk.releaseRange(fd, offset, length);
    return true;
  } catch (error) {
    if (isErrno(error, ...notHere)) return false;
    throw error;
  }
}

async function writeZeros(handle: FileHandle, offset: number, length: number): Promise<void> {
  for (let done = 0; done < length; done += zeros.length) {
    const part = zeros.subarray(0, Math.min(zeros.length, length - done));
    await writeFully(handle, part, offset + done);
  }
}
