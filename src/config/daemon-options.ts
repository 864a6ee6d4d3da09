// Defines every option of the daemon. The flags, the environment variables, the keys of the
// configuration file and the README's table derive from this file.
import { logLevels } from "../base/logger.js";
import {
  adminListenOption,
  choiceOption,
  durationOption,
  integerOption,
  listenOption,
  modeOption,
  noneWord,
  optionalPathOption,
  pathListOption,
  pathOption,
  sizeOption,
  switchOption,
  textOption,
  type Option,
} from "./option.js";
import type { ConfiguredIdentity } from "./identities.js";
import type { ConfiguredPeer } from "./peers.js";
import type { ConfiguredRemote } from "./remotes.js";
import { adminSocketName, socketFileName } from "../base/default-paths.js";

/**
 * The defaults of `root`, `socket` and `admin_listen` depend on the user; load.ts fills them in.
 */
const userRoot = "<~/.local/share/stasis, for root /var/lib/stasis>";
/** Describes which callers may use which directories if `allowed_directories` is not set. */
const allDirectories = "<any for the daemon's own user and root over the socket, none for others>";
const rootSocket = `<root>/${socketFileName}`;
const besideSocket = `<unix:${adminSocketName} beside the socket; none without a socket>`;

export const daemonOptions = {
  root: pathOption({
    key: "root",
    placeholder: "DIR",
    default: userRoot,
    doc: "Directory of the store; created if absent. One daemon per root.",
  }),
  dataGroup: textOption({
    key: "data_group",
    placeholder: "GROUP",
    doc: "Group that may read stored data files (name or number), for hypervisors that run as other users. Empty = only the daemon's user.",
  }),
  listen: listenOption({
    key: "listen",
    default: noneWord,
    doc: "TCP address to listen on besides the socket; port 0 picks a free one. Needs `tokens` or `client_ca`, or `unauthenticated_tcp`.",
  }),
  socket: optionalPathOption({
    key: "socket",
    placeholder: "PATH",
    default: rootSocket,
    doc: "Unix socket to listen on; socket_mode controls access. `none` switches it off.",
  }),
  adminListen: adminListenOption({
    key: "admin_listen",
    default: besideSocket,
    doc: "Where the web page, metrics and probes are served over HTTP, read-only: `unix:PATH` with the mode and group of `socket`, or `HOST:PORT` under the rules of `listen`. `none` switches it off.",
  }),
  unauthenticatedTcp: choiceOption({
    key: "unauthenticated_tcp",
    choices: [noneWord, "this-machine", "network"],
    default: noneWord,
    doc: "Callers over TCP that need no token or certificate: nobody, every user of this machine, or everybody on the network. They may do everything except use directories of the node.",
  }),
  plaintextNetwork: switchOption({
    key: "plaintext_network",
    doc: "Allow a `listen` address on the network without TLS. Anybody on the path can then steal tokens and read all data.",
  }),
  socketMode: modeOption({
    key: "socket_mode",
    default: "0600",
    doc: "Permissions of the Unix socket; users with write permission can connect.",
  }),
  socketGroup: textOption({
    key: "socket_group",
    placeholder: "GROUP",
    doc: "Group of the Unix socket (name or number). Empty = unchanged.",
  }),
  socketRole: choiceOption({
    key: "socket_role",
    choices: ["reader", "writer", "operator"],
    default: "operator",
    doc: "Role of callers over the Unix socket that present no token.",
  }),
  allowedDirectories: pathListOption({
    key: "allowed_directories",
    placeholder: "DIR",
    default: allDirectories,
    doc: "Directories of the node that CreateFromDirectory, ImportFromDirectory, ExportToDirectory, CloneToDirectory and TakeToDirectory may use, with everything below them. TOML: an array.",
  }),
  serverCert: optionalPathOption({
    key: "server_cert",
    placeholder: "FILE",
    default: noneWord,
    doc: "TLS for `listen`: the daemon's certificate, PEM. Read again when it changes.",
  }),
  serverKey: optionalPathOption({
    key: "server_key",
    placeholder: "FILE",
    default: noneWord,
    doc: "Key of `server_cert`, PEM without a passphrase.",
  }),
  clientCa: optionalPathOption({
    key: "client_ca",
    placeholder: "FILE",
    default: noneWord,
    doc: "Authority of client certificates, PEM; [[identities]] of the file assigns their roles.",
  }),
  tokens: optionalPathOption({
    key: "tokens",
    placeholder: "FILE",
    default: noneWord,
    doc: "Bearer tokens, made by `stasis token create`. Read again when it changes.",
  }),
  reflection: choiceOption({
    key: "reflection",
    choices: ["auto", "on", "off"],
    default: "auto",
    doc: "gRPC reflection, which needs no credentials. `auto`: on unless `listen` is on the network.",
  }),
  logLevel: choiceOption({
    key: "log_level",
    choices: logLevels,
    default: "info",
    doc: "Lowest level of messages to log, as JSON lines on stderr.",
  }),
  accessLog: choiceOption({
    key: "access_log",
    choices: ["changes", "all", "off"],
    default: "changes",
    doc: "Calls that get an access line at level info. `changes`: those that change something or fail; the others get one at level debug.",
  }),
  otlpEndpoint: textOption({
    key: "otlp_endpoint",
    placeholder: "URL",
    doc: "Where traces are sent: a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318. Empty = what OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere. Needs packages of its own (docs/metrics.md).",
  }),
  drainGraceMs: durationOption({
    key: "drain_grace",
    default: "30s",
    min: "0s",
    max: "1h",
    doc: "How long running calls may continue after SIGTERM.",
  }),
  maxConnections: integerOption({
    key: "max_connections",
    default: 256,
    min: 1,
    max: 65_536,
    doc: "Concurrent connections; a further one replaces the oldest unauthenticated one, or is closed.",
  }),
  maxStreams: integerOption({
    key: "max_streams",
    default: 64,
    min: 1,
    max: 10_000,
    doc: "Concurrent byte streams (Create, Import, Restore, Export); more get TOO_MANY_STREAMS.",
  }),
  maxStreamsPerIdentity: integerOption({
    key: "max_streams_per_identity",
    default: 48,
    min: 1,
    max: 10_000,
    doc: "Concurrent byte streams of one token or certificate; more get TOO_MANY_STREAMS.",
  }),
  maxWatchers: integerOption({
    key: "max_watchers",
    default: 1000,
    min: 1,
    max: 2000,
    doc: "Concurrent Watch streams, at most three quarters of them of one token or certificate; more get TOO_MANY_STREAMS.",
  }),
  maxEvents: integerOption({
    key: "max_events",
    default: 100_000,
    min: 100,
    max: 10_000_000,
    doc: "Events kept for Watch, so that watchers can resume after a disconnection (at most 64 MiB).",
  }),
  streamWindowBytes: sizeOption({
    key: "stream_window",
    default: "4MiB",
    min: "64KiB",
    max: "64MiB",
    doc: "HTTP/2 window of a stream: bytes that a client may send before the daemon reads them.",
  }),
  connectionWindowBytes: sizeOption({
    key: "connection_window",
    // This allows sixteen stalled uploads on one connection before its other calls have to wait.
    default: "64MiB",
    min: "64KiB",
    max: "1GiB",
    doc: "HTTP/2 window of a connection: stalled uploads share it with its other calls.",
  }),
  maxMessageBytes: sizeOption({
    key: "max_message",
    // The largest chunk, which has 1 MiB, fits with its frame.
    default: "1088KiB",
    min: "64KiB",
    max: "16MiB",
    doc: "Largest accepted message.",
  }),
  maxUploadBytes: sizeOption({
    key: "max_upload",
    default: "4TiB",
    min: "1MiB",
    max: "8191TiB",
    doc: "Bytes of one upload, both as received and decompressed (LIMIT_EXCEEDED).",
  }),
  maxRatio: integerOption({
    key: "max_ratio",
    default: 2000,
    min: 1,
    max: 1_000_000,
    doc: "Largest expansion of an archive, not counting zeros and the first 64 MiB (LIMIT_EXCEEDED).",
  }),
  chunkBytes: sizeOption({
    key: "chunk",
    default: "512KiB",
    min: "4KiB",
    max: "1MiB",
    doc: "Size of the chunks that Restore and Export send.",
  }),
  gzipLevel: integerOption({
    key: "gzip_level",
    default: 1,
    min: 1,
    max: 9,
    doc: "gzip level of exports: 1 is fastest, 9 is smallest.",
  }),
  zstdLevel: integerOption({
    key: "zstd_level",
    default: 1,
    min: 1,
    max: 19,
    doc: "Zstandard level of exports.",
  }),
  accessFlushMs: durationOption({
    key: "access_flush",
    default: "5s",
    min: "100ms",
    max: "1h",
    doc: "How often last-access times are written; a crash loses at most the times of this period.",
  }),
  requestRetentionMs: durationOption({
    key: "request_retention",
    default: "24h",
    min: "24h",
    max: "365d",
    doc: "How long the daemon remembers the outcome of a request_id after its call, also across restarts.",
  }),
  streamIdleMs: durationOption({
    key: "stream_idle",
    default: "5m",
    min: "1s",
    max: "24h",
    doc: "A byte stream without progress for this long is ended.",
  }),
  reserveBytes: sizeOption({
    key: "reserve",
    default: "64MiB",
    min: "0",
    max: "100TiB",
    doc: "Space that uploads and pulls leave free on the store's filesystem (STORAGE_FULL).",
  }),
  maxStoreBytes: sizeOption({
    key: "max_store",
    default: "0",
    min: "0",
    max: "8191TiB",
    doc: "Limit of the charged bytes of all snapshots: their space on disk, including metadata (STORAGE_FULL). 0 = no limit.",
  }),
  prefixQuotaBytes: sizeOption({
    key: "prefix_quota",
    default: "0",
    min: "0",
    max: "8191TiB",
    doc: "The same for the snapshots of each name prefix that an identity is confined to. 0 = no limit.",
  }),
  advertise: textOption({
    key: "advertise",
    placeholder: "PEER",
    doc: "Where a push tells the other daemon to pull from: this node's address, or its name in the peer's [[peers]]. Empty = `listen`.",
  }),
  replicationLimitBytes: sizeOption({
    key: "replication_limit",
    default: "0",
    min: "0",
    max: "1TiB",
    doc: "Most bytes per second that all pulls together receive, and that all pushes to remotes together send. 0 = no limit.",
  }),
  peerIdleMs: durationOption({
    key: "peer_idle",
    default: "1m",
    min: "1s",
    max: "1h",
    doc: "Silence after which a pull abandons its peer; fetched data is kept.",
  }),
  transferTtlMs: durationOption({
    key: "transfer_ttl",
    default: "24h",
    min: "1m",
    max: "365d",
    doc: "How long an interrupted pull can be resumed; afterwards its data is discarded.",
  }),
  scrubIntervalMs: durationOption({
    key: "scrub_interval",
    default: "30d",
    min: "0s",
    max: "365d",
    doc: "How often the background scrub reads all data again and compares it. 0 = never.",
  }),
  scrubLimitBytes: sizeOption({
    key: "scrub_limit",
    default: "32MiB",
    min: "0",
    max: "1TiB",
    doc: "Most bytes per second that the scrub reads; a quarter of that while callers transfer. 0 = no limit.",
  }),
  gcIntervalMs: durationOption({
    key: "gc_interval",
    default: "0s",
    min: "0s",
    max: "365d",
    doc: "How often garbage is collected: leftovers, expired snapshots, and what the options below evict. 0 = never.",
  }),
  gcKeepLast: integerOption({
    key: "gc_keep_last",
    default: 0,
    min: 0,
    max: 2_147_483_647,
    doc: "Keep this many of the newest snapshots, evict the others. 0 = not used.",
  }),
  gcMaxAgeMs: durationOption({
    key: "gc_max_age",
    default: "0s",
    min: "0s",
    max: "36500d",
    doc: "Evict snapshots that were last accessed longer ago. 0 = not used.",
  }),
  gcMaxBytes: sizeOption({
    key: "gc_max_size",
    default: "0",
    min: "0",
    max: "8191TiB",
    doc: "Evict the least recently accessed snapshots until the charged bytes of the rest are at most this. 0 = not used.",
  }),
  gcGroupByLabel: textOption({
    key: "gc_group_by_label",
    placeholder: "KEY",
    doc: "Apply gc_keep_last and gc_max_size to each value of this label. Empty = to all together.",
  }),
} satisfies Record<string, Option<unknown>>;

export type DaemonOptionName = keyof typeof daemonOptions;

/** The daemon's configuration: every option with its value. Names end with their unit. */
export type DaemonConfig = {
  readonly [K in DaemonOptionName]: (typeof daemonOptions)[K] extends Option<infer T> ? T : never;
} & {
  /** The certificates of each identity. Only the configuration file can contain them. */
  readonly identities: readonly ConfiguredIdentity[];
  /** Other nodes by name. Only the configuration file can contain them. */
  readonly peers: readonly ConfiguredPeer[];
  /** Buckets of object stores by name. Only the configuration file can contain them. */
  readonly remotes: readonly ConfiguredRemote[];
  /** The path of the configuration file that was read. Undefined if no file was given. */
  readonly configFile: string | undefined;
};
