// What an archive may cost to read. Each bound holds before memory or disk is spent on it.
import type { OwnedStream } from "../wire/chunk.js";
import { StoreError } from "../base/errors.js";
import { maxMapExtents } from "../holes/extent-map.js";

export type LimitName =
  keyof ArchiveLimits | "maxTrailingBytes" | "maxEnvelopeBytes" | "maxUploadBytes" | "maxRatio";

export interface ArchiveLimits {
  /**
   * Entries, directories and global headers included. A snapshot has a handful of files; thousands
   * mean that something else was packed.
   */
  readonly maxFiles: number;
  /**
   * Bytes of one PAX or GNU long-name header. Go's archive/tar, and so cocoon, refuses more than
   * 1 MiB; a sparse map takes at most 800 KiB of it.
   */
  readonly maxPaxBytes: number;
  /** Data segments of one file, each of which takes 16 bytes of memory while the file is read. */
  readonly maxSegments: number;
  /** Logical sizes of all entries together, holes included. */
  readonly maxTotalBytes: number;
}

export const defaultArchiveLimits: ArchiveLimits = {
  maxFiles: 4096,
  maxPaxBytes: 1024 * 1024,
  maxSegments: maxMapExtents,
  maxTotalBytes: Number.MAX_SAFE_INTEGER,
};

/**
 * Bytes of zeros after the end-of-archive marker. Writers pad to their record size, 10 KiB by
 * default and rarely above 1 MiB; without a bound a small compressed stream could go on for hours.
 */
export const maxTrailingBytes = 64 * 1024 * 1024;

/** Passes the chunks on. Throws LIMIT_EXCEEDED when they exceed `maxUploadBytes`. */
export async function* limitBytes(source: OwnedStream, maxUploadBytes: number): OwnedStream {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxUploadBytes) {
      throw limitExceeded("maxUploadBytes", "bytes of the upload", maxUploadBytes, bytes);
    }
    yield chunk;
  }
}

/** LIMIT_EXCEEDED for the limit of that name: `actual` is what the archive asks for. */
export function limitExceeded(
  limit: LimitName,
  what: string,
  expected: number,
  actual: number,
): StoreError {
  const name = limit.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new StoreError(
    "LIMIT_EXCEEDED",
    `${what}: expected at most ${expected} (limit ${name}), found ${actual}`,
    { metadata: { limit: name, expected: String(expected), actual: String(actual) } },
  );
}
