// Connects the stages of an upload, from the bytes of a stream to the entries of its archive. Each
// stage is a generator over the previous one, so nothing is read before the last stage requests it.
import { decompress, uncompressedOnly } from "../../archive/compression.js";
import { limitBytes } from "../../archive/limits.js";
import { readTar, type ArchiveEntry } from "../../archive/tar-reader.js";
import type { StoreOptions } from "../parts/options.js";
import type { OwnedStream } from "../../wire/chunk.js";

type Bounds = Pick<StoreOptions, "maxUploadBytes" | "maxRatio">;

/**
 * Returns the entries of a plain tar, for Create. Throws ARCHIVE_INVALID if the tar is compressed.
 */
export function tarEntries(
  received: OwnedStream,
  { maxUploadBytes }: Bounds,
  signal: AbortSignal,
): AsyncIterable<ArchiveEntry> {
  const bounded = limitBytes(received, maxUploadBytes);
  const tar = uncompressedOnly(bounded);
  return readTar(tar, { signal });
}

/**
 * Returns the entries of a tar, or of a tar in gzip or zstd, for Import. The bound on bytes holds
 * before and after decompression.
 */
export function archiveEntries(
  received: OwnedStream,
  { maxUploadBytes, maxRatio }: Bounds,
  signal: AbortSignal,
): AsyncIterable<ArchiveEntry> {
  const bounded = limitBytes(received, maxUploadBytes);
  const decompressed = decompress(bounded, { signal, maxRatio });
  const tar = limitBytes(decompressed, maxUploadBytes);
  return readTar(tar, { signal });
}
