// The options with which a store is opened.
import { defaultMaxEvents } from "../../catalog/open.js";

export interface StoreOptions {
  /** Free bytes that uploads leave on the filesystem. 0 = no reserve. */
  readonly freeSpaceReserveBytes: number;
  /** Charged bytes of all snapshots. 0 = no limit. */
  readonly maxStoreBytes: number;
  /** The same limit for the snapshots whose names begin with a caller's prefix. */
  readonly prefixQuotaBytes: number;
  /** Bytes of one upload, before and after decompression. */
  readonly maxUploadBytes: number;
  /** See `DecompressOptions`. */
  readonly maxRatio: number;
  /** How often last-access times are written, in milliseconds. */
  readonly accessFlushIntervalMs: number;
  /** How long the outcome of a request id is remembered, in milliseconds. */
  readonly requestRetentionMs: number;
  /** Approximate number of events that are kept for watchers. */
  readonly maxEvents: number;
  /** Watch streams that may be open at once. */
  readonly maxWatchers: number;
  /** gzip level of Export, 1 to 9. */
  readonly gzipLevel: number;
  /** Zstandard level of Export, 1 to 19. */
  readonly zstdLevel: number;
}

export const defaultStoreOptions: StoreOptions = {
  freeSpaceReserveBytes: 64 * 1024 * 1024,
  maxStoreBytes: 0,
  prefixQuotaBytes: 0,
  maxUploadBytes: 4 * 1024 ** 4,
  maxRatio: 2000,
  accessFlushIntervalMs: 10_000,
  requestRetentionMs: 24 * 3600 * 1000,
  maxEvents: defaultMaxEvents,
  maxWatchers: 1000,
  gzipLevel: 1,
  zstdLevel: 1,
};
