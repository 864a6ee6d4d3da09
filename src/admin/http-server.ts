// The HTTP servers of the admin listener, with bounds on everything that a client can make them
// hold.
import { createServer as createHttp, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { secureOptions, type TlsFiles } from "../transport/auth/tls-files.js";

export interface AdminLimits {
  /** Connections at once, per listener. */
  readonly maxConnections: number;
  /** Bytes of a request's line and headers. A longer one gets 431. */
  readonly maxHeaderBytes: number;
  /** How long the headers of a request may take to arrive. */
  readonly headersTimeoutMs: number;
  /** Silence in both directions, after which a connection is closed. */
  readonly idleMs: number;
  /** How long a connection stays open between two requests. */
  readonly keepAliveMs: number;
  /** Requests at once on one connection, which HTTP/1.1 can send without waiting for answers. */
  readonly maxPipelined: number;
  /** Requests at once on all connections that are not answered yet, event streams left out. */
  readonly maxRequests: number;
  /** Event streams at once, and of one identity. */
  readonly maxEventStreams: number;
  readonly maxEventStreamsPerIdentity: number;
  /** Bytes of answers that their readers have not read yet. */
  readonly maxAnswerBytes: number;
}

export const defaultAdminLimits: AdminLimits = {
  maxConnections: 64,
  maxHeaderBytes: 8 * 1024,
  headersTimeoutMs: 10_000,
  idleMs: 30_000,
  keepAliveMs: 20_000,
  maxPipelined: 8,
  maxRequests: 32,
  maxEventStreams: 32,
  maxEventStreamsPerIdentity: 16,
  maxAnswerBytes: 32 * 1024 * 1024,
};

export function createHttpServer(
  limits: AdminLimits,
  tls: TlsFiles | undefined,
  onRequest: RequestListener,
): Server {
  const options = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    // A request has no body, so its headers are complete.
    requestTimeout: limits.headersTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
    noDelay: true,
  };
  const server = tls === undefined ? createHttp(options) : createSecure(options, tls);
  server.on("request", onRequest);
  server.setTimeout(limits.idleMs);
  return server;
}

const handshakeTimeoutMs = 10_000;

/** Like the gRPC listener: a client without a certificate may have a token. */
function createSecure(options: object, tls: TlsFiles): Server {
  const context = tls.context();
  const server = createHttps({
    ...options,
    ...secureOptions(context),
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: context.ca !== undefined,
    rejectUnauthorized: false,
  });
  tls.onChange((changed) => server.setSecureContext(secureOptions(changed)));
  return server;
}
