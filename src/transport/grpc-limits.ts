// Defines the limits of a server. SECURITY.md has their sum.
import { kib, mib } from "../base/sizes.js";
import type { CallLimits } from "./admission.js";
import type { Http2Limits } from "./grpc-hooks/windows.js";
import type { StreamLimits } from "./stream-gate.js";

export interface GrpcLimits extends CallLimits, Http2Limits, StreamLimits {
  /** Bytes that callers have sent and the daemon still holds, except chunks of running uploads. */
  readonly maxRequestBytes: number;
  /** Bytes of answers that their callers have not read yet, except chunks of downloads. */
  readonly maxAnswerBytes: number;
  /**
   * Maximum size in bytes of one encoded request message. A larger one gets RESOURCE_EXHAUSTED.
   * Methods that are open to anyone have a smaller maximum.
   */
  readonly maxMessageBytes: number;
  /** Maximum number of concurrent connections, per listener. */
  readonly maxConnections: number;
  /** Longest time for which a byte stream stays open while its caller neither sends nor reads. */
  readonly streamIdleMs: number;
  /**
   * Longest time in which the single request of a call, or the first message of a stream, must
   * arrive.
   */
  readonly requestTimeoutMs: number;
  /**
   * The server pings a connection after `keepaliveMs` of silence, and closes the connection if the
   * answer takes longer than `keepaliveTimeoutMs`.
   */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Time after which a connection without calls is closed. */
  readonly connectionIdleMs: number;
  /** Longest time in which a client must acknowledge the first settings of the server. */
  readonly settingsTimeoutMs: number;
  /** Longest interval at which the credentials of a running call are checked again. */
  readonly recheckMs: number;
}

/** The limits that the configuration sets. Their defaults are in config/daemon-options.ts. */
export type ConfiguredLimits = Pick<
  GrpcLimits,
  | "maxConnections"
  | "maxStreams"
  | "maxStreamsPerIdentity"
  | "maxMessageBytes"
  | "streamWindowBytes"
  | "connectionWindowBytes"
  | "streamIdleMs"
>;

export const fixedGrpcLimits: Omit<GrpcLimits, keyof ConfiguredLimits> = {
  maxCalls: 4096,
  maxCallsPerIdentity: 2048,
  maxPendingRequests: 256,
  maxOpenCalls: 128,
  // This number is enough for the leases of an orchestrator that uses one connection, on which each
  // OpenDataDirectory stays open.
  maxStreamsPerConnection: 1000,
  maxMetadataBytes: 16 * kib,
  maxConnectionMetadataBytes: 4 * mib,
  maxTotalMetadataBytes: 32 * mib,
  // A request counts sixteen times its bytes, which is its largest size when decoded.
  maxRequestBytes: 96 * mib,
  maxAnswerBytes: 64 * mib,
  requestTimeoutMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  connectionIdleMs: 15 * 60_000,
  lingerMs: 10_000,
  // The limit is twice that of calls.
  maxOpenStreams: 8192,
  // The limit is twice that of strangers' calls.
  maxStrangerStreams: 256,
  settingsTimeoutMs: 10_000,
  recheckMs: 2000,
};
