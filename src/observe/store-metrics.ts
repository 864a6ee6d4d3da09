// Defines the metrics that are read on demand from the store, the transport and the replicator.
import type {
  ConditionFigures,
  ReplicationFigures,
  ScrubFigures,
  StoreFigures,
  TransportFigures,
} from "./figures.js";
import { reading, type Reading, type Samples } from "./metric-set.js";

function by(label: string, values: Readonly<Record<string, number>>): Samples {
  return Object.entries(values).map(([key, value]) => [{ [label]: key }, value] as const);
}

const spaceReadings: readonly Reading<StoreFigures>[] = [
  reading("stasis_store_size_bytes", "Sizes of all ready snapshots, holes included", (f) => {
    return f.sizeBytes;
  }),
  reading("stasis_store_data_bytes", "What ready snapshots take on disk", (f) => f.allocatedBytes),
  reading(
    "stasis_store_charged_bytes",
    "What max_store counts: snapshots, running uploads, pulls that were cut off",
    (f) => f.chargedBytes,
  ),
  reading(
    "stasis_store_trash_bytes",
    "Of the charged bytes, deleted or replaced snapshots whose space is not free yet",
    (f) => f.heldBytes,
  ),
  reading("stasis_store_staging_bytes", "Of the charged bytes, running uploads", (f) => {
    return f.stagingBytes;
  }),
  reading(
    "stasis_store_kept_bytes",
    "Of the charged bytes, what is kept of pulls that were cut off",
    (f) => f.keptBytes,
  ),
  reading("stasis_store_quota_bytes", "The option max_store; absent without a limit", (f) => {
    return f.quotaBytes === 0 ? undefined : f.quotaBytes;
  }),
  reading(
    "stasis_store_reserve_bytes",
    "Free bytes that uploads leave: the option reserve",
    (f) => {
      return f.reserveBytes;
    },
  ),
  reading("stasis_filesystem_size_bytes", "Size of the filesystem of the store", (f) => {
    return f.filesystem.sizeBytes;
  }),
  reading("stasis_filesystem_free_bytes", "Bytes there that the daemon may use", (f) => {
    return f.filesystem.freeBytes;
  }),
  // Filesystems that create inodes on demand, such as btrfs, do not report a number of inodes.
  reading("stasis_filesystem_inodes", "Inodes there; absent where they have no limit", (f) => {
    return f.filesystem.inodes === 0 ? undefined : f.filesystem.inodes;
  }),
  reading("stasis_filesystem_free_inodes", "Free inodes there", (f) => {
    return f.filesystem.inodes === 0 ? undefined : f.filesystem.freeInodes;
  }),
  reading("stasis_catalog_wal_bytes", "Size of the catalog's write-ahead log", (f) => f.walBytes),
];

export const storeReadings: readonly Reading<StoreFigures>[] = [
  ...spaceReadings,
  reading(
    "stasis_snapshots",
    "Snapshots by state. lost: the directory is missing",
    (f) => by("state", f.snapshots),
    ["state"],
  ),
  reading("stasis_snapshots_expiring", "Ready snapshots that have a time of expiry", (f) => {
    return f.expiring;
  }),
  reading("stasis_snapshots_damaged", "Ready snapshots that are marked as damaged", (f) => {
    return f.damaged;
  }),
  reading("stasis_uploads", "Uploads, imports and pulls that run", (f) => f.uploads),
  reading("stasis_watchers", "Open Watch calls", (f) => f.watchers),
  reading(
    "stasis_leases",
    "Leases by kind: a deletion frees no space before they end",
    (f) => by("kind", f.leases),
    ["kind"],
  ),
  reading("stasis_gc_session_open", "Whether a GC session pauses publication", (f) => {
    return f.gcSession ? 1 : 0;
  }),
  reading("stasis_commit_queue_length", "Writers that wait for their turn to commit", (f) => {
    return f.waitingCommits;
  }),
];

export const transportReadings: readonly Reading<TransportFigures>[] = [
  reading(
    "stasis_connections",
    "Open connections by listener",
    (f) => by("listener", f.connections),
    ["listener"],
  ),
  reading(
    "stasis_limit_in_use",
    "What counts against a limit now, in the unit of its name",
    (f) => f.occupancy.map(({ limit, inUse }) => [{ limit }, inUse] as const),
    ["limit"],
  ),
  reading(
    "stasis_limit",
    "The limit, for all callers together",
    (f) => f.occupancy.map(({ limit, max }) => [{ limit }, max] as const),
    ["limit"],
  ),
  reading(
    "stasis_queue_length",
    "stream_start: streams before their call begins; reading_pace: connections not read for a while; send: downloads before their turn",
    (f) => by("queue", f.queues),
    ["queue"],
  ),
];

export const replicationReadings: readonly Reading<ReplicationFigures>[] = [
  reading(
    "stasis_transfers",
    "Pulls by state. kept: cut off, and can be resumed",
    (f) => [
      [{ state: "running" }, f.running],
      [{ state: "kept" }, f.kept],
    ],
    ["state"],
  ),
  reading(
    "stasis_transfer_silence_seconds",
    "How long a running pull has brought nothing: the longest. A repair that reads here is not silent",
    (f) => f.longestSilenceSeconds,
  ),
];

const reasons = [
  "ROOT_UNAVAILABLE",
  "STORED_DATA_CORRUPT",
  "STORE_READ_ONLY",
  "IO_FAILED",
  "STORAGE_FULL",
  "DRAINING",
] as const;

export const conditionReadings: readonly Reading<ConditionFigures>[] = [
  reading("stasis_ready", "Whether the daemon takes reads and writes", (f) => (f.ready ? 1 : 0)),
  reading(
    "stasis_condition",
    "Whether the daemon has this problem",
    (f) => reasons.map((reason) => [{ reason }, f.problems.includes(reason) ? 1 : 0] as const),
    ["reason"],
  ),
];

export const scrubReadings: readonly Reading<ScrubFigures>[] = [
  reading("stasis_scrub_interval_seconds", "The option scrub_interval; absent if off", (f) => {
    return f.intervalSeconds === 0 ? undefined : f.intervalSeconds;
  }),
  reading(
    "stasis_scrub_end_time_seconds",
    "When the last complete scrub ended, in seconds since 1970; absent before the first",
    (f) => f.last?.endedAt,
  ),
  reading("stasis_scrub_damaged", "Snapshots that the last complete scrub found damaged", (f) => {
    return f.last?.damaged;
  }),
  reading("stasis_scrub_unreadable", "Snapshots that it could not read", (f) => {
    return f.last?.unreadable;
  }),
  reading("stasis_scrub_running", "Whether a scrub was begun and has not ended", (f) => {
    return f.running === undefined ? 0 : 1;
  }),
  reading("stasis_scrub_start_time_seconds", "When the running scrub began", (f) => {
    return f.running?.startedAt;
  }),
  reading("stasis_scrub_snapshots", "Snapshots that the running scrub has read", (f) => {
    return f.running?.snapshots;
  }),
  reading("stasis_scrub_bytes", "Bytes that the running scrub has read", (f) => f.running?.bytes),
];
