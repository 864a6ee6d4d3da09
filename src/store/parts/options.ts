// Defines the options with which a store is opened. The daemon's configuration
// (config/daemon-options.ts) has their defaults, and no other file repeats them.

export interface StoreOptions {
  /** Minimum free bytes that uploads leave on the filesystem. 0 = no reserve. */
  readonly freeSpaceReserveBytes: number;
  /** Maximum charged bytes of all snapshots. 0 = no limit. */
  readonly maxStoreBytes: number;
  /**
   * Maximum charged bytes of the snapshots whose names begin with the prefix of one caller. 0 = no
   * limit.
   */
  readonly prefixQuotaBytes: number;
  /** Maximum bytes of one upload, before and after decompression. */
  readonly maxUploadBytes: number;
  /** See `DecompressOptions`. */
  readonly maxRatio: number;
  /** Interval at which last-access times are written, in milliseconds. */
  readonly accessFlushIntervalMs: number;
  /** How long the outcome of a request id is remembered, in milliseconds. */
  readonly requestRetentionMs: number;
  /** Approximate number of events that are kept for watchers. */
  readonly maxEvents: number;
  /** Maximum number of Watch streams that may be open at once. */
  readonly maxWatchers: number;
  /** gzip level of Export, 1 to 9. */
  readonly gzipLevel: number;
  /** Zstandard level of Export, 1 to 19. */
  readonly zstdLevel: number;
  /**
   * Number of extents at which the file of a delta is written again. Default: 100,000. Only tests
   * set another number.
   */
  readonly maxFileExtents?: number;
}
