// Makes the HTTP servers of the admin listener, with bounds on all resources that a client can make
// them hold.
import { createServer as createHttp, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { secureOptions, type TlsFiles } from "../transport/auth/tls-files.js";

export interface AdminLimits {
  /** Maximum open connections per listener. */
  readonly maxConnections: number;
  /** Maximum bytes of a request's line and headers. A request with more gets status 431. */
  readonly maxHeaderBytes: number;
  /** Maximum time in which the headers of a request must arrive. */
  readonly headersTimeoutMs: number;
  /** Time without traffic in either direction after which a connection is closed. */
  readonly idleMs: number;
  /** Maximum time that a connection stays open between two requests. */
  readonly keepAliveMs: number;
  /**
   * Maximum unanswered requests on one connection. A client of HTTP/1.1 can send requests without
   * waiting for answers.
   */
  readonly maxPipelined: number;
  /** Maximum unanswered requests on all connections, in addition to `maxEventStreams`. */
  readonly maxRequests: number;
  /** Maximum open event streams, in total and for one identity. */
  readonly maxEventStreams: number;
  readonly maxEventStreamsPerIdentity: number;
  /** Maximum bytes of answers that their readers have not read yet. */
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
    // A request has no body, so it is complete when its headers are.
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

/**
 * Makes a server with TLS. As on the gRPC listener, a client without a certificate may have a
 * token.
 */
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
