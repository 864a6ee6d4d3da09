// HTTP/2 flow-control windows of the server, which grpc-js leaves at 64 KiB (grpc-node pull request
// 3058): with them a stream carries a tenth of what it can.
//
// `Server.createConnectionInjector` makes its HTTP/2 server with the public functions of node:http2.
// They are wrapped for exactly that call, which is synchronous, so that nobody else sees them.
import http2 from "node:http2";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ServerCredentials, type ConnectionInjector, type Server } from "@grpc/grpc-js";
import { secureOptions, type TlsFiles } from "../auth/tls-files.js";
import type { Peer } from "../places.js";

export interface Http2Limits {
  /**
   * Bytes that a client may send on one stream before the handler has read them; the most that a
   * slow handler makes the daemon hold. On loopback more than 4 MiB gains next to nothing.
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
  /** `socket` is the one that was injected, or under TLS one that wraps it. */
  readonly onSession: (session: ServerHttp2Session, socket: Peer) => void;
  /** Hands the stream to grpc-js by calling `begin`, or does not; changes of `headers` before take effect. */
  readonly onStream: (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    begin: () => void,
  ) => void;
}

export interface InjectorOptions {
  /** Default: plain text. */
  readonly tls?: TlsFiles | undefined;
  readonly limits: Http2Limits;
  readonly hooks: Http2Hooks;
  /** Connections begin with small limits, until `raiseWindows` and `raiseStreams`. */
  readonly areNewcomers: boolean;
}

export function createInjector(
  server: Server,
  { tls, limits, hooks, areNewcomers }: InjectorOptions,
): Pick<ConnectionInjector, "injectConnection"> {
  const { createServer, createSecureServer } = http2;
  const credentials = credentialsOf(tls);
  let created = 0;
  let injected: Duplex | undefined;
  const prepare = <T extends Http2Server | http2.Http2SecureServer>(made: T): T => {
    created++;
    made.on("session", (session) => {
      session.setLocalWindowSize(limits.connectionWindowBytes);
      // In plain text the session begins while its socket is injected.
      const socket = injected instanceof Socket ? injected : session.socket;
      hooks.onSession(session, socket);
    });
    const emit = made.emit.bind(made) as (event: string, ...args: unknown[]) => boolean;
    made.emit = (event: string, ...args: unknown[]): boolean => {
      if (event !== "stream") return emit(event, ...args);
      const [stream, headers, , rawHeaders] = args as StreamEvent;
      hooks.onStream(stream, headers, rawHeaders, () => void emit(event, ...args));
      return true;
    };
    return made;
  };
  try {
    http2.createServer = ((options: http2.ServerOptions) =>
      prepare(createServer(withSettings(options, limits, areNewcomers)))) as typeof createServer;
    http2.createSecureServer = ((options: http2.SecureServerOptions) =>
      follow(
        prepare(createSecureServer(withTls(withSettings(options, limits, areNewcomers), tls))),
        tls,
      )) as typeof createSecureServer;
    const injector = server.createConnectionInjector(credentials);
    if (created !== 1) {
      throw new Error(`grpc-js made ${created} HTTP/2 servers through node:http2, expected 1`);
    }
    return {
      injectConnection(socket) {
        injected = socket;
        injector.injectConnection(socket);
        injected = undefined;
      },
    };
  } finally {
    http2.createServer = createServer;
    http2.createSecureServer = createSecureServer;
  }
}

type StreamEvent = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
];

/** A connection that goes on shaking hands holds a place of the listener. */
const handshakeTimeoutMs = 10_000;

/** What they hold reaches `createSecureServer`, where `withTls` adds what they can't say. */
function credentialsOf(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, ca } = tls.context();
  return ServerCredentials.createSsl(ca ?? null, [{ cert_chain: cert, private_key: key }], false);
}

/**
 * A client without a certificate may have a token: whose certificate is missing or not good is found
 * out with the call, which then gets an answer and not a broken connection.
 */
function withTls(
  options: http2.SecureServerOptions,
  tls: TlsFiles | undefined,
): http2.SecureServerOptions {
  if (tls === undefined) throw new Error("a secure server without TLS files");
  const { ca: _systemAuthorities, ...rest } = options;
  const context = tls.context();
  return {
    ...rest,
    ...secureOptions(context),
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: context.ca !== undefined,
    rejectUnauthorized: false,
  };
}

function follow(made: http2.Http2SecureServer, tls: TlsFiles | undefined): typeof made {
  tls?.onChange((context) => made.setSecureContext(secureOptions(context)));
  return made;
}

/** What RFC 9113 lets a client do before it has seen any settings. */
const initialWindowBytes = 65_535;
/** The least that RFC 9113 recommends; clients assume it until they see another number. */
const newcomerStreams = 100;

/**
 * A connection on which no caller is known yet gets small limits: what strangers can make the daemon
 * hold is the sum of their windows.
 */
function newcomerSettings(limits: Http2Limits): http2.Settings {
  return {
    initialWindowSize: Math.min(limits.streamWindowBytes, initialWindowBytes),
    maxConcurrentStreams: Math.min(limits.maxStreamsPerConnection, newcomerStreams),
  };
}

/** For a connection with a caller who has an identity. Windows grow for its open streams too. */
export function raiseWindows(session: ServerHttp2Session, limits: Http2Limits): void {
  if (session.closed || session.destroyed) return;
  session.settings({ initialWindowSize: limits.streamWindowBytes });
}

/**
 * For a connection whose streams were let in, and are many. Not before: as many streams as a
 * connection may have can come in a single read, and hold everybody else up for its time.
 */
export function raiseStreams(session: ServerHttp2Session, limits: Http2Limits): void {
  if (session.closed || session.destroyed) return;
  session.settings({ maxConcurrentStreams: limits.maxStreamsPerConnection });
}

function withSettings<T extends http2.ServerOptions>(
  options: T,
  limits: Http2Limits,
  areNewcomers: boolean,
): T {
  const settings = {
    ...options.settings,
    initialWindowSize: limits.streamWindowBytes,
    maxConcurrentStreams: limits.maxStreamsPerConnection,
    ...(areNewcomers ? newcomerSettings(limits) : {}),
    maxHeaderListSize: limits.maxMetadataBytes,
  };
  return { ...options, settings };
}
