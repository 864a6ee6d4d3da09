// The gRPC server: plugs services into grpc-js, opens listeners, drains and closes.
import { Server } from "@grpc/grpc-js";
import type { ServerHttp2Session } from "node:http2";
import type { Logger } from "../base/logger.js";
import { createAdapter } from "./adapter.js";
import { defaultAccess, type Access } from "./auth/access.js";
import { createAudit } from "./auth/audit.js";
import { createConceal } from "./auth/conceal.js";
import { createConnections, type PeerUser, type Via } from "./auth/connections.js";
import { createRechecks } from "./auth/rechecks.js";
import type { TlsFiles } from "./auth/tls-files.js";
import { createCrowds } from "./crowds.js";
import { createAdmission, type Admission, type CallLimits } from "./admission.js";
import { createAnswerBytes } from "./answer-bytes.js";
import { createArrivals } from "./arrivals.js";
import { createCallers } from "./callers.js";
import type { ServiceBinding } from "./handler.js";
import { createHealth, type HealthProblem, type HealthService } from "./health.js";
import { clampTimeout, limitLinger } from "./grpc-hooks/http2-guards.js";
import { openTcpListener, openUnixListener, type Listener, type TcpAddress } from "./listener.js";
import { createPlaces, type Places } from "./places.js";
import { createReflection } from "./reflection.js";
import { createRefusals } from "./refusals.js";
import { createRequestBytes } from "./request-bytes.js";
import { createSendTurns } from "./send-turns.js";
import { closeUnlessAcknowledged } from "./settings-deadline.js";
import { createStreamGate, type StreamLimits } from "./stream-gate.js";
import type { SocketFile } from "./unix-socket.js";
import { createUnreadAnswers } from "./unread-answers.js";
import {
  createInjector,
  raiseStreams,
  raiseWindows,
  type Http2Limits,
} from "./grpc-hooks/windows.js";

export interface GrpcLimits extends CallLimits, Http2Limits, StreamLimits {
  /** What callers have sent and the daemon still holds, chunks of uploads that run left out. */
  readonly maxRequestBytes: number;
  /** Answers that their callers have not taken yet, chunks of downloads left out. */
  readonly maxAnswerBytes: number;
  /** Bytes of one request message, its frame included; a larger one gets RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** Connections at once, per listener. */
  readonly maxConnections: number;
  /** How long a byte stream may lie without its caller sending or reading. */
  readonly streamIdleMs: number;
  /** How long the single request of a call may take to arrive. */
  readonly requestTimeoutMs: number;
  /** Silence after which a connection is asked for a sign of life, and how long it has for that. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without calls is closed after this. */
  readonly connectionIdleMs: number;
  /** How long a client may take to acknowledge the first settings of the server. */
  readonly settingsTimeoutMs: number;
  /** How often the credentials of running calls are looked at again. */
  readonly recheckMs: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultGrpcLimits: GrpcLimits = {
  maxCalls: 4096,
  maxStreams: 64,
  maxCallsPerIdentity: 2048,
  maxStreamsPerIdentity: 48,
  maxPendingRequests: 256,
  maxOpenCalls: 128,
  // Enough for the leases of an orchestrator that uses one connection: OpenDataDirectory stays open.
  maxStreamsPerConnection: 1000,
  streamWindowBytes: 4 * mib,
  // Sixteen stalled uploads on one connection before its other calls have to wait for them.
  connectionWindowBytes: 64 * mib,
  maxMetadataBytes: 16 * kib,
  maxConnectionMetadataBytes: 4 * mib,
  maxTotalMetadataBytes: 32 * mib,
  // A chunk of the largest size and its frame.
  maxMessageBytes: mib + 64 * kib,
  // A request counts sixteen times, which is what it takes when it is decoded.
  maxRequestBytes: 96 * mib,
  maxAnswerBytes: 64 * mib,
  maxConnections: 256,
  streamIdleMs: 5 * 60_000,
  requestTimeoutMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  connectionIdleMs: 15 * 60_000,
  lingerMs: 10_000,
  // Twice the calls.
  maxOpenStreams: 8192,
  // Twice the calls of strangers.
  maxStrangerStreams: 256,
  settingsTimeoutMs: 10_000,
  recheckMs: 2000,
};

export interface GrpcServerOptions {
  readonly implementations: readonly ServiceBinding[];
  /** What is left out has the value of `defaultGrpcLimits`. */
  readonly limits?: Partial<GrpcLimits>;
  /** Turns reflection on: an encoded FileDescriptorSet with imports and comments. */
  readonly descriptorSet?: Uint8Array;
  /** Who may call what. Default: everybody is an operator. */
  readonly access?: Access;
  /** The store's root, which only callers who may see paths of the node are told. */
  readonly privateRoot?: string;
  /** Whose process is at the other end of a Unix socket. Default: it is not known. */
  readonly peerUser?: PeerUser;
  readonly logger: Logger;
  /** Called when most of hundreds of streams have closed, which leaves garbage. */
  readonly onCrowdGone?: () => void;
}

export interface TcpListenOptions extends TcpAddress {
  /** Default: plain text. */
  readonly tls?: TlsFiles;
}

export interface GrpcServer extends AsyncDisposable {
  /** Throws FIELD_INVALID if the address cannot be had. */
  listenTcp(options: TcpListenOptions): Promise<Listener>;
  /** Throws FIELD_INVALID if somebody listens there. See `openUnixListener`. */
  listenUnix(path: string, file?: SocketFile): Promise<Listener>;
  /** What grpc.health.v1 answers; NOT_SERVING until it is called. */
  setServing(serving: boolean): void;
  /** See `HealthService`. */
  setProblems(problems: readonly HealthProblem[]): void;
  /** Calls whose handlers run. */
  activeCalls(): number;
  /**
   * Refuses new calls with DRAINING, lets running ones finish, and after `graceMs` ends them; then
   * closes everything. Never rejects; a second call waits for the first.
   */
  drain(options: { readonly graceMs: number }): Promise<void>;
  /** Ends all calls and connections at once. Idempotent. */
  close(): Promise<void>;
}

/** Thirty-two downloads at once then move nearly as much as one, and each comes round five times a second. */
const turnBytes = 16 * mib;
/** On loopback a message takes a tenth of it; where it takes longer, the processor is not what is short. */
const maxPauseMs = 3;

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { logger } = options;
  const limits = { ...defaultGrpcLimits, ...options.limits };
  const admission = createAdmission(limits);
  const { health, bindings } = allServices(options);
  const connections = createConnections(options.peerUser);
  const { access = defaultAccess } = options;
  const callers = createCallers(access, connections);
  const rechecks = createRechecks(limits.recheckMs);
  const auth = { access, connections, rechecks, audit: createAudit(logger) };
  const arrivals = createArrivals(connections);
  // A client that pauses for longer than a short stream_idle still finds out how its call ended.
  const unread = createUnreadAnswers(Math.max(limits.streamIdleMs, limits.lingerMs));
  const refusals = createRefusals();
  const turns = createSendTurns({ maxBytes: turnBytes, maxPauseMs });
  const adapter = createAdapter(bindings, {
    ...limits,
    ...auth,
    conceal: createConceal(options.privateRoot),
    arrivals,
    answers: createAnswerBytes(limits.maxAnswerBytes),
    unread,
    admission,
    refusals,
    turns,
    logger,
  });
  const server = new Server({
    ...grpcOptions(limits),
    interceptors: [adapter.interceptor],
  });
  adapter.register(server);
  const timers = [rechecks, unread];
  const parts: Parts = { admission, health, timers, listeners: [], sessions: new Set() };

  const gate = createStreamGate({
    limits,
    callers,
    arrivals,
    requests: createRequestBytes(limits.maxRequestBytes),
    keepsRequest: adapter.keepsRequest,
    refusalOf: adapter.refusalOf,
    onBusy: (session) => raiseStreams(session, limits),
  });
  const crowds = createCrowds(options.onCrowdGone ?? (() => undefined));
  const inject = (via: Via, places: Places, tls?: TlsFiles) =>
    createInjector(server, {
      tls,
      limits,
      areNewcomers: via === "tcp",
      hooks: {
        onSession: (session, socket) => {
          trackSession(parts.sessions, session, logger);
          closeUnlessAcknowledged(session, limits.settingsTimeoutMs);
          callers.addSession(session, via, (identity) => {
            places.trust(socket, identity);
            if (via === "tcp") raiseWindows(session, limits);
          });
        },
        onStream: (stream, headers, rawHeaders, begin) => {
          crowds.opened(stream);
          gate.take(stream, headers, rawHeaders, () => {
            clampTimeout(headers);
            limitLinger(stream, limits.lingerMs);
            begin();
          });
        },
      },
    });
  const listenerOptions = (via: Via, tls?: TlsFiles) => {
    const places = createPlaces(limits.maxConnections);
    const injector = inject(via, places, tls);
    return {
      places,
      logger,
      onConnection: (socket: Parameters<typeof injector.injectConnection>[0]) =>
        injector.injectConnection(socket),
    };
  };
  const keep = (listener: Listener): Listener => {
    parts.listeners.push(listener);
    return listener;
  };

  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(parts, server));
  return {
    listenTcp: async ({ tls, ...address }) =>
      keep(await openTcpListener(address, listenerOptions("tcp", tls))),
    listenUnix: async (path, file) =>
      keep(await openUnixListener(path, listenerOptions("unix"), file)),
    setServing: (serving) => health.setServing(serving),
    setProblems: (problems) => health.setProblems(problems),
    activeCalls: () => admission.activeCalls(),
    drain: ({ graceMs }) => (draining ??= drainCalls(parts, graceMs).then(close)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function grpcOptions(limits: GrpcLimits): Record<string, number> {
  return {
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": limits.connectionIdleMs,
    "grpc.enable_channelz": 0,
  };
}

function allServices(options: GrpcServerOptions): {
  health: HealthService;
  bindings: readonly ServiceBinding[];
} {
  const names = options.implementations.map(({ service }) => service.typeName);
  const health = createHealth(names);
  const served = [...options.implementations, health.binding];
  const { descriptorSet } = options;
  if (descriptorSet === undefined) return { health, bindings: served };
  const serviceNames = served.map(({ service }) => service.typeName);
  return { health, bindings: [...served, ...createReflection({ descriptorSet, serviceNames })] };
}

interface Parts {
  readonly admission: Admission;
  readonly health: HealthService;
  readonly timers: readonly Disposable[];
  readonly listeners: Listener[];
  readonly sessions: Set<ServerHttp2Session>;
}

function trackSession(
  sessions: Set<ServerHttp2Session>,
  session: ServerHttp2Session,
  logger: Logger,
): void {
  sessions.add(session);
  session.once("close", () => sessions.delete(session));
  session.on("error", (error) => logger.debug({ err: error }, "HTTP/2 session failed"));
}

/** How long handlers have to clean up after their signals fired. */
const settleMs = 2000;
/** How long clients have at least to take the last bytes and hang up. */
const hangUpMs = 1000;

async function drainCalls(parts: Parts, graceMs: number): Promise<void> {
  const { admission, health } = parts;
  const graceEnd = performance.now() + graceMs;
  admission.startDrain();
  health.setServing(false);
  // Watchers of health send NOT_SERVING before they are ended.
  await new Promise(setImmediate);
  admission.abortCalls("endless");
  await within(admission.idle(), graceMs);
  admission.abortCalls("all");
  await within(admission.idle(), settleMs);
  await Promise.all(parts.listeners.map((listener) => listener.close()));
  // The last bytes of calls that have ended may still be on their way to slow readers.
  await within(closeSessions(parts.sessions), Math.max(hangUpMs, graceEnd - performance.now()));
}

async function closeSessions(sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  await Promise.all(
    [...sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once("close", resolve);
          if (!session.closed) session.close();
        }),
    ),
  );
}

async function closeAll(parts: Parts, server: Server): Promise<void> {
  parts.admission.startDrain();
  parts.health.setServing(false);
  parts.admission.abortCalls("all");
  await Promise.all(parts.listeners.map((listener) => listener.close()));
  for (const session of parts.sessions) session.destroy();
  for (const listener of parts.listeners) listener.destroyConnections();
  server.forceShutdown();
  for (const timer of parts.timers) timer[Symbol.dispose]();
  await within(parts.admission.idle(), settleMs);
}

/** Waits for `event`, at most `timeoutMs`. */
async function within(event: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([event, timeout]);
  clearTimeout(timer);
}
