// Sets the HTTP/2 windows and limits of the server, and sees each session and stream before
// grpc-js.
//
// Relies on: `Server.createConnectionInjector` makes one HTTP/2 server with the public functions of
// node:http2 while it runs, and takes streams from the event `stream` of that server. This hook
// replaces the functions for exactly that call, which is synchronous, so that nobody else sees the
// replacements.
// For: grpc-js leaves the windows at 64 KiB (grpc-node pull request 3058), and a stream then
// carries a tenth of what it can (docs/performance.md). Refusals of streams (stream-gate.ts), TLS
// options and limits for strangers' connections have no other place.
// If it changes: `createInjector` throws when grpc-js did not make exactly one server this way.
// That is loud: the daemon does not start.
import http2 from "node:http2";
import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ServerCredentials, type ConnectionInjector, type Server } from "@grpc/grpc-js";
import { secureOptions, type TlsFiles } from "../auth/tls-files.js";

/** A socket, or a wrapper from TLS or HTTP/2 that has only the address of the other end. */
export type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

export interface Http2Limits {
  /**
   * Bytes that a client may send on one stream before the handler has read them. A slow handler
   * makes the daemon hold this many bytes. On loopback, more than 4 MiB gains next to nothing.
   */
  readonly streamWindowBytes: number;
  /**
   * Bytes that a client may send on all streams of one connection before the handlers have read
   * them. Stalled streams use up this limit for the other streams.
   */
  readonly connectionWindowBytes: number;
  /** Bytes of the largest header list of a call. Node resets a stream with a larger one. */
  readonly maxMetadataBytes: number;
  /** Maximum number of concurrent calls on one connection. A client queues further calls. */
  readonly maxStreamsPerConnection: number;
}

export interface Http2Hooks {
  /** Called for each session. `socket` is the injected socket, or under TLS one that wraps it. */
  readonly onSession: (session: ServerHttp2Session, socket: Peer) => void;
  /**
   * Called for each stream. The hook calls `begin` to pass the stream to grpc-js. Without that
   * call, grpc-js never sees the stream. Changes of `headers` take effect.
   */
  readonly onStream: (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    begin: () => void,
  ) => void;
}

interface InjectorOptions {
  /** Default: plain text. */
  readonly tls?: TlsFiles | undefined;
  readonly limits: Http2Limits;
  readonly hooks: Http2Hooks;
  /** Whether connections begin with small limits, which `raiseWindows` and `raiseStreams` raise. */
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
      // Without TLS, this event comes while the session's socket is being injected. With TLS, it
      // comes later, after the handshake.
      const socket = injected instanceof Socket ? injected : session.socket;
      hooks.onSession(session, socket);
    });
    const emit = made.emit.bind(made) as (event: string, ...args: unknown[]) => boolean;
    made.emit = (event: string, ...args: unknown[]): boolean => {
      if (event !== "stream") return emit(event, ...args);
      const [stream, headers, , rawHeaders] = args as StreamEventArguments;
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

type StreamEventArguments = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
];

/**
 * The handshake has a limit, because a connection in its handshake holds a slot of the listener.
 */
const handshakeTimeoutMs = 10_000;

/**
 * Returns the credentials. They reach `createSecureServer`, where `withTls` adds the options that
 * they cannot express.
 */
function credentialsOf(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, ca } = tls.context();
  return ServerCredentials.createSsl(ca ?? null, [{ cert_chain: cert, private_key: key }], false);
}

/**
 * Returns the options with those for TLS. A client without a certificate may have a token. So the
 * handshake accepts a missing or invalid certificate. The call is then refused with an answer, and
 * not with a broken connection.
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

/** The window before a client has seen any settings (RFC 9113). */
const initialWindowBytes = 65_535;
/** The minimum that RFC 9113 recommends. Clients assume it until they see another number. */
const newcomerStreams = 100;

/**
 * Returns the settings with which a connection begins until a caller on it has an identity. Their
 * limits are small, because strangers can make the daemon hold the sum of their windows.
 */
function newcomerSettings(limits: Http2Limits): http2.Settings {
  return {
    initialWindowSize: Math.min(limits.streamWindowBytes, initialWindowBytes),
    maxConcurrentStreams: Math.min(limits.maxStreamsPerConnection, newcomerStreams),
  };
}

/**
 * Raises the windows of a connection whose caller has an identity. The windows of its open streams
 * grow too.
 */
export function raiseWindows(session: ServerHttp2Session, limits: Http2Limits): void {
  if (session.closed || session.destroyed) return;
  session.settings({ initialWindowSize: limits.streamWindowBytes });
}

/**
 * Raises the maximum number of streams of a connection on which many admitted streams are open. Do
 * not call it earlier: all streams that a connection may have can arrive in a single read, which
 * delays everybody else.
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
