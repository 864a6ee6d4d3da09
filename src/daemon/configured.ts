// Derives the options of the store and of the server from the configuration. Their only defaults
// are those in config/daemon-options.ts.
import type { DaemonConfig } from "../config/daemon-options.js";
import { loadDaemonConfig } from "../config/load.js";
import type { StoreOptions } from "../store/store.js";
import type { ConfiguredLimits } from "../transport/grpc-limits.js";

export function storeOptionsOf(config: DaemonConfig): StoreOptions {
  return {
    freeSpaceReserveBytes: config.reserveBytes,
    maxStoreBytes: config.maxStoreBytes,
    prefixQuotaBytes: config.prefixQuotaBytes,
    maxUploadBytes: config.maxUploadBytes,
    maxRatio: config.maxRatio,
    accessFlushIntervalMs: config.accessFlushMs,
    requestRetentionMs: config.requestRetentionMs,
    maxEvents: config.maxEvents,
    maxWatchers: config.maxWatchers,
    gzipLevel: config.gzipLevel,
    zstdLevel: config.zstdLevel,
  };
}

export function serverLimitsOf(config: DaemonConfig): ConfiguredLimits {
  return {
    maxConnections: config.maxConnections,
    maxStreams: config.maxStreams,
    maxStreamsPerIdentity: config.maxStreamsPerIdentity,
    maxMessageBytes: config.maxMessageBytes,
    streamWindowBytes: config.streamWindowBytes,
    connectionWindowBytes: config.connectionWindowBytes,
    streamIdleMs: config.streamIdleMs,
  };
}

/** Returns the configuration of a daemon without flags, variables and file. */
export function defaultConfig(): DaemonConfig {
  return loadDaemonConfig().config;
}
