// Reads a stored file so that no byte is handed out before its block was compared with its digest.
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import type { Extent } from "../model/extent.js";
import { withIoError } from "../sparse/errno.js";
import { isZero } from "../sparse/zero.js";
import { hasBytes, indexBlocks } from "./block-access.js";
import { placedRuns, type BlockTable } from "./block-table.js";

export interface VerifiedFile {
  /** Reads [offset, offset + length). Throws STORED_DATA_CORRUPT before a damaged block. */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
}

/** `what` names the file for messages. Throws STORED_DATA_CORRUPT if data has become a hole. */
export function verifyReads(
  handle: FileHandle,
  table: BlockTable,
  extents: readonly Extent[] | undefined,
  what: string,
): VerifiedFile {
  if (extents !== undefined) requireData(table, extents, what);
  const index = indexBlocks(table);
  const { blockSizeBytes, sizeBytes } = table;

  /** The last block that was read: neighbouring extents often share one. */
  let cached: { readonly block: number; readonly bytes: Uint8Array } | undefined;
  const readBlock = async (block: number): Promise<Uint8Array> => {
    if (cached?.block === block) return cached.bytes;
    const start = block * blockSizeBytes;
    const bytes = Buffer.allocUnsafe(Math.min(blockSizeBytes, sizeBytes - start));
    await readFully(handle, bytes, start, what);
    const isData = index.digestOf(block) !== undefined;
    const intact = isData ? await hasBytes(index, block, bytes) : isZero(bytes);
    if (!intact) throw damaged(what, start, bytes.length);
    cached = { block, bytes };
    return bytes;
  };

  return {
    read: async function* (offset, length) {
      for (let position = offset; position < offset + length;) {
        const block = Math.floor(position / blockSizeBytes);
        const bytes = await readBlock(block);
        const start = position - block * blockSizeBytes;
        const end = Math.min(bytes.length, offset + length - block * blockSizeBytes);
        yield bytes.subarray(start, end);
        position += end - start;
      }
    },
  };
}

/** Each block with a digest has to have some data left: a hole is not read, so not compared. */
function requireData(table: BlockTable, extents: readonly Extent[], what: string): void {
  const { blockSizeBytes } = table;
  let next = 0;
  for (const { kind, firstBlock, count } of placedRuns(table)) {
    if (kind !== "data") continue;
    for (let block = firstBlock; block < firstBlock + count; block += 1) {
      const start = block * blockSizeBytes;
      while (next < extents.length && endOf(extents[next]) <= start) next += 1;
      const extent = extents[next];
      if (extent === undefined || extent.offset >= start + blockSizeBytes) {
        throw damaged(what, start, blockSizeBytes);
      }
    }
  }
}

function endOf(extent: Extent | undefined): number {
  return extent === undefined ? Infinity : extent.offset + extent.length;
}

async function readFully(
  handle: FileHandle,
  bytes: Uint8Array,
  start: number,
  what: string,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await withIoError({ what: "read", path: what }, () =>
      handle.read(bytes, done, bytes.length - done, start + done),
    );
    if (bytesRead === 0) throw damaged(what, start + done, bytes.length - done);
    done += bytesRead;
  }
}

function damaged(what: string, offset: number, length: number): StoreError {
  return new StoreError(
    "STORED_DATA_CORRUPT",
    `${what}: the ${length} bytes at offset ${offset} are not what was stored`,
    {
      hint: "Run `stasis verify` to see all damaged ranges",
      metadata: { file: what, offset: String(offset), length: String(length) },
    },
  );
}
