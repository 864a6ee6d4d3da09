// HTTP/2 flow-control windows of the server, which grpc-js leaves at 64 KiB (grpc-node pull request
// 3058): with them a stream carries a tenth of what it can.
//
// `Server.createConnectionInjector` makes its HTTP/2 server with the public functions of node:http2.
// They are wrapped for exactly that call, which is synchronous, so that nobody else sees them.
import http2 from "node:http2";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";

export interface Http2Limits {
  /**
   * Bytes that a client may send on one stream before the handler has read them; the most that a
   * slow handler makes the daemon hold. 1 to 8 MiB are fastest, 16 MiB is slower.
   */
  readonly streamWindowBytes: number;
  /** The same for all streams of a connection: streams that lie still use it up for the others. */
  readonly connectionWindowBytes: number;
  /** Largest header list of a call; a larger one is reset by Node. */
  readonly maxMetadataBytes: number;
  /** Calls at once on one connection; a client keeps further ones waiting. */
  readonly maxStreamsPerConnection: number;
}

export interface Http2Hooks {
  readonly onSession: (session: ServerHttp2Session) => void;
  /** Runs before grpc-js sees the stream: changes of `headers` take effect. */
  readonly onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
}

export function createInjector(
  server: Server,
  credentials: ServerCredentials,
  limits: Http2Limits,
  hooks: Http2Hooks,
): ConnectionInjector {
  const { createServer, createSecureServer } = http2;
  let created = 0;
  const prepare = <T extends Http2Server | http2.Http2SecureServer>(made: T): T => {
    created++;
    made.on("session", (session) => {
      session.setLocalWindowSize(limits.connectionWindowBytes);
      hooks.onSession(session);
    });
    made.on("stream", hooks.onStream);
    return made;
  };
  try {
    http2.createServer = ((options: http2.ServerOptions) =>
      prepare(createServer(withSettings(options, limits)))) as typeof createServer;
    http2.createSecureServer = ((options: http2.SecureServerOptions) =>
      prepare(createSecureServer(withSettings(options, limits)))) as typeof createSecureServer;
    const injector = server.createConnectionInjector(credentials);
    if (created !== 1) {
      throw new Error(`grpc-js made ${created} HTTP/2 servers through node:http2, expected 1`);
    }
    return injector;
  } finally {
    http2.createServer = createServer;
    http2.createSecureServer = createSecureServer;
  }
}

function withSettings<T extends http2.ServerOptions>(options: T, limits: Http2Limits): T {
  const settings = {
    ...options.settings,
    initialWindowSize: limits.streamWindowBytes,
    maxConcurrentStreams: limits.maxStreamsPerConnection,
    maxHeaderListSize: limits.maxMetadataBytes,
  };
  return { ...options, settings };
}
