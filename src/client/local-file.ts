// Reads a file of this machine as a stream of bytes, for an upload.
import { open } from "node:fs/promises";
import type { ByteStream } from "../base/async.js";
import { lend } from "../wire/chunk.js";
import { readExtent } from "../holes/extents.js";
import { withIoError } from "../holes/errno.js";

/**
 * Bytes per read, the size of one chunk. Each read costs an iteration of the event loop and a task
 * of a thread.
 */
export const localReadBytes = 1024 * 1024;

/**
 * Reads a regular file from its start to the end that it has when it is opened. A piece is valid
 * until the next one is requested, which suffices for `Client.create` and `Client.import`.
 */
export async function* readLocalFile(path: string): ByteStream {
  await using handle = await withIoError(
    { what: "open", path, owner: "caller", access: "read" },
    () => open(path),
  );
  const { size } = await handle.stat();
  yield* lend(readExtent(handle, 0, size, { what: path, pieceBytes: localReadBytes }));
}
