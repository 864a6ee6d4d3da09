// Defines bounds on the cost of reading an archive. The reader checks each bound before it spends
// the memory or disk space.
import { formatBytes } from "../base/sizes.js";
import type { OwnedStream } from "../wire/chunk.js";
import { StoreError } from "../base/errors.js";
import { maxMapExtents } from "../holes/extent-map.js";

type LimitName =
  | keyof ArchiveLimits
  | "maxTrailingBytes"
  | "maxEnvelopeBytes"
  | "maxDeltaHoles"
  | "maxUploadBytes"
  | "maxRatio";

export interface ArchiveLimits {
  /**
   * Maximum entries, including directories and global headers. A snapshot has a handful of files.
   * An archive with thousands contains something other than a snapshot.
   */
  readonly maxFiles: number;
  /**
   * Maximum bytes of one PAX or GNU long-name header. Go's archive/tar, and so cocoon, refuses more
   * than 1 MiB; a sparse map takes at most 800 KiB of that.
   */
  readonly maxPaxBytes: number;
  /** Maximum data segments of one file. Each takes 16 bytes of memory while the file is read. */
  readonly maxSegments: number;
  /** Maximum sum of the logical sizes of all entries, including holes, in bytes. */
  readonly maxTotalBytes: number;
}

export const defaultArchiveLimits: ArchiveLimits = {
  maxFiles: 4096,
  maxPaxBytes: 1024 * 1024,
  maxSegments: maxMapExtents,
  maxTotalBytes: Number.MAX_SAFE_INTEGER,
};

/**
 * Maximum bytes of zeros after the end-of-archive marker. Writers pad to their record size, which
 * is 10 KiB by default and rarely above 1 MiB. Without a bound, a small compressed stream could run
 * for hours.
 */
export const maxTrailingBytes = 64 * 1024 * 1024;

/** Forwards the chunks. Throws LIMIT_EXCEEDED when they exceed `maxUploadBytes`. */
export async function* limitBytes(source: OwnedStream, maxUploadBytes: number): OwnedStream {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxUploadBytes) {
      throw limitExceeded("maxUploadBytes", "size of the upload", maxUploadBytes, bytes);
    }
    yield chunk;
  }
}

/**
 * Returns the error LIMIT_EXCEEDED for the named limit. `actual` is the value that the archive
 * requires.
 */
export function limitExceeded(
  limit: LimitName,
  what: string,
  expected: number,
  actual: number,
): StoreError {
  const name = limit.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const shown = limit.endsWith("Bytes") ? formatBytes : String;
  const most = shown(expected);
  // The metadata contains the exact numbers.
  const found = shown(actual) === most ? "more" : shown(actual);
  return new StoreError(
    "LIMIT_EXCEEDED",
    `${what}: expected at most ${most} (limit ${name}), found ${found}`,
    { metadata: { limit: name, expected: String(expected), actual: String(actual) } },
  );
}
