// Makes the block tables of existing files by reading their data and skipping their holes.
import type { FileHandle } from "node:fs/promises";
import type { Extent } from "../model/extent.js";
import { lazyExtents, readExtents } from "../holes/extents.js";
import { createBlockHasher } from "./block-hash.js";
import type { DigestAlgorithm } from "./block-digest.js";
import type { BlockTable } from "./block-table.js";

export interface HashOptions {
  /** The file's name, for messages. */
  readonly what: string;
  /** Default: the algorithm that is used for new files. */
  readonly algorithm?: DigestAlgorithm;
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece with the bytes of data read since the last call. */
  readonly onRead?: (bytes: number) => void;
}

export async function hashFile(
  handle: FileHandle,
  sizeBytes: number,
  options: HashOptions,
): Promise<BlockTable> {
  const { what, algorithm, signal, onRead } = options;
  const hasher = createBlockHasher(algorithm);
  const all: readonly Extent[] = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
  const extents = lazyExtents(handle.fd, sizeBytes) ?? all;
  for await (const { offset, chunk } of readExtents(handle, extents, { what, signal })) {
    const { length } = chunk;
    hasher.update(offset, chunk.bytes);
    chunk.free();
    onRead?.(length);
  }
  return hasher.finish(sizeBytes);
}
