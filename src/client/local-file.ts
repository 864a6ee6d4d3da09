// A file on this machine as a stream of bytes: an archive to be imported.
import { open } from "node:fs/promises";
import type { ByteStream } from "../base/async.js";
import { readExtent } from "../holes/extents.js";
import { withIoError } from "../holes/errno.js";

/** A chunk: each read takes a turn of the event loop and a thread's. */
export const localReadBytes = 1024 * 1024;

/**
 * Reads a regular file from its start to the end that it has when it is opened. Its buffers are used again: pieces are
 * valid until the next is asked for, as `Client.import` needs them.
 */
export async function* readLocalFile(path: string): ByteStream {
  await using handle = await withIoError({ what: "open", path, owner: "caller" }, () => open(path));
  const { size } = await handle.stat();
  yield* readExtent(handle, 0, size, {
    what: path,
    reuseBuffers: true,
    pieceBytes: localReadBytes,
  });
}
