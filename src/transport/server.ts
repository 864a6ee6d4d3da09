// Implements the gRPC server: binds services to grpc-js, opens listeners, drains and closes.
import { Server } from "@grpc/grpc-js";
import type { ServerHttp2Session } from "node:http2";
import type { Logger } from "../base/logger.js";
import type { TransportFigures } from "../observe/figures.js";
import { unobservedCalls, type CallObserver } from "../observe/ports.js";
import { createAccessLog, type AccessLogChoice } from "./access-log.js";
import { createAdapter } from "./adapter.js";
import { defaultAccess, type Access } from "./auth/access.js";
import { createAuditLog } from "./auth/audit-log.js";
import { createConceal } from "./auth/conceal.js";
import { createConnections, type PeerUser, type Via } from "./auth/connections.js";
import { createRechecks } from "./auth/rechecks.js";
import type { TlsFiles } from "./auth/tls-files.js";
import { createBurstWatch, type BurstWatch } from "./stream-bursts.js";
import { createAdmission, type Admission } from "./admission.js";
import { createAnswerBytes, type AnswerBytes } from "./answer-bytes.js";
import { createArrivals } from "./arrivals.js";
import { createCallRecords } from "./call-records.js";
import { createCallers, type Callers } from "./callers.js";
import type { ServiceBinding } from "./handler.js";
import { fixedGrpcLimits, type ConfiguredLimits, type GrpcLimits } from "./grpc-limits.js";
import { createHealth, healthCheckPath, type HealthProblem, type HealthService } from "./health.js";
import { createAttachments, type Attachments } from "./grpc-hooks/attachments.js";
import { makeFirstCall } from "./grpc-hooks/first-call.js";
import { limitLinger } from "./grpc-hooks/linger.js";
import { closeUnlessAcknowledged } from "./grpc-hooks/settings-deadline.js";
import { canPauseReading } from "./grpc-hooks/socket-reading.js";
import { clampTimeout } from "./grpc-hooks/timeout-clamp.js";
import { createUnreadAnswers } from "./grpc-hooks/unread-answers.js";
import {
  openTcpListener,
  openUnixListener,
  type Listener,
  type ListenerOptions,
  type TcpAddress,
} from "./listener.js";
import { createConnectionSlots, type ConnectionSlots } from "./connection-slots.js";
import { createReflection } from "./reflection.js";
import { createRefusals } from "./refusals.js";
import { createRequestBytes } from "./request-bytes.js";
import { createSendScheduler, type SendScheduler } from "./send-scheduler.js";
import { createStreamGate, type StreamGate } from "./stream-gate.js";
import type { SocketFile } from "./unix-socket.js";
import {
  createInjector,
  raiseStreams,
  raiseWindows,
  type Http2Hooks,
} from "./grpc-hooks/windows.js";

interface GrpcServerOptions {
  readonly implementations: readonly ServiceBinding[];
  /** Limits that are left out have the values of `fixedGrpcLimits`. */
  readonly limits: ConfiguredLimits & Partial<GrpcLimits>;
  /**
   * An encoded FileDescriptorSet with imports and comments, which enables reflection. Default: no
   * reflection.
   */
  readonly descriptorSet?: Uint8Array;
  /** Decides who may call which method. Default: everybody is an operator. */
  readonly access?: Access;
  /** The store's root. Only callers that may see paths of the node learn it. */
  readonly privateRoot?: string;
  /**
   * Finds the user of the process at the other end of a Unix socket. Default: the user is unknown.
   */
  readonly peerUser?: PeerUser;
  readonly logger: Logger;
  /** Receives the figures of calls. Default: no observer. */
  readonly observer?: CallObserver;
  readonly accessLog: AccessLogChoice;
  /** Called when most streams of a burst have closed and have left garbage. */
  readonly onBurstOver?: () => void;
}

interface TcpListenOptions extends TcpAddress {
  /** The files for TLS. Default: plain text. */
  readonly tls?: TlsFiles;
}

export interface GrpcServer extends AsyncDisposable {
  /** Listens on a TCP address. Throws FIELD_INVALID if the server cannot listen there. */
  listenTcp(options: TcpListenOptions): Promise<Listener>;
  /**
   * Listens on a Unix socket. Throws FIELD_INVALID if a process listens there. See
   * `openUnixListener`.
   */
  listenUnix(path: string, file?: SocketFile): Promise<Listener>;
  /**
   * Makes one call to this server, so that hooks into grpc-js and node:http2 that do not attach are
   * logged now. If that call fails, logs a warning. Never rejects.
   */
  tryHooks(): Promise<void>;
  /** Sets the answer of grpc.health.v1, which is NOT_SERVING until the first call. */
  setServing(serving: boolean): void;
  /** Sets the problems of the store, as `HealthService` does. */
  setProblems(problems: readonly HealthProblem[]): void;
  /** Returns the number of calls whose handlers run. */
  activeCalls(): number;
  /** Returns whether the server has begun to drain, after which it refuses new calls for good. */
  isDraining(): boolean;
  figures(): TransportFigures;
  /**
   * Refuses new calls with DRAINING, except those of methods that serve while draining. Ends the
   * calls that never end by themselves, and waits up to `graceMs` for the others. Then ends the
   * remaining calls and closes everything. Never rejects. A second call waits for the first.
   */
  drain(options: { readonly graceMs: number }): Promise<void>;
  /** Ends all calls and connections at once. A second call has no further effect. */
  close(): Promise<void>;
}

/**
 * Bytes that one download sends before the next one sends. At this size, 32 concurrent downloads
 * transfer nearly as much as one, and each sends five times a second.
 */
const sendBytes = 16 * 1024 * 1024;
/**
 * Longest pause of the sending download before the next one may send. On loopback a message takes a
 * tenth of this time. If a message takes longer, the reader or the link is the bottleneck and not
 * the CPU, so scheduling would gain nothing.
 */
const maxPauseMs = 3;

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const core = createCore(options);
  const { parts } = core;
  const { admission, health } = parts;
  const keep = (listener: Listener): Listener => {
    parts.listeners.push(listener);
    return listener;
  };
  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(parts, core.server));
  return {
    listenTcp: async ({ tls, ...address }) =>
      keep(await openTcpListener(address, listenerOptions(core, "tcp", tls))),
    listenUnix: async (path, file) =>
      keep(await openUnixListener(path, listenerOptions(core, "unix"), file)),
    tryHooks: () => tryHooks(core),
    setServing: (serving) => health.setServing(serving),
    setProblems: (problems) => health.setProblems(problems),
    activeCalls: () => admission.activeCalls(),
    isDraining: () => admission.isDraining(),
    figures: () => figuresOf(core),
    drain: ({ graceMs }) => (draining ??= drainCalls(parts, graceMs).then(close)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** State that all listeners of a server share. */
interface Core {
  readonly limits: GrpcLimits;
  readonly logger: Logger;
  readonly server: Server;
  readonly callers: Callers;
  readonly gate: StreamGate;
  readonly bursts: BurstWatch;
  readonly attachments: Attachments;
  readonly parts: Parts;
  readonly answers: AnswerBytes;
  readonly scheduler: SendScheduler;
  readonly connections: Record<Via, number>;
}

function figuresOf({ parts, gate, answers, scheduler, connections }: Core): TransportFigures {
  const { admission } = parts;
  return {
    connections: { ...connections },
    occupancy: [...admission.occupancy(), ...gate.occupancy(), answers.occupancy()],
    queues: { ...gate.queues(), send: scheduler.waiting() },
  };
}

function createCore(options: GrpcServerOptions): Core {
  const { logger, access = defaultAccess } = options;
  const limits = { ...fixedGrpcLimits, ...options.limits };
  const { health, bindings } = allServices(options);
  const admission = createAdmission(limits);
  const attachments = createAttachments(logger);
  const connections = createConnections(options.peerUser);
  const callers = createCallers(access, connections);
  const arrivals = createArrivals(connections);
  const rechecks = createRechecks(limits.recheckMs);
  // A client that pauses for longer than a short stream_idle still receives the status of its call.
  const unread = createUnreadAnswers(Math.max(limits.streamIdleMs, limits.lingerMs));
  const answers = createAnswerBytes(limits.maxAnswerBytes);
  const scheduler = createSendScheduler({ maxBytes: sendBytes, maxPauseMs });
  const records = createCallRecords({
    observer: options.observer ?? unobservedCalls,
    audit: createAuditLog(logger),
    access: createAccessLog(logger, options.accessLog),
  });
  const adapter = createAdapter(bindings, {
    ...limits,
    ...{ access, admission, arrivals, attachments, connections, logger, rechecks, unread },
    ...{ answers, records, scheduler },
    conceal: createConceal(options.privateRoot),
    refusals: createRefusals(),
  });
  const server = new Server({ ...grpcOptions(limits), interceptors: [adapter.interceptor] });
  adapter.register(server);
  const gate = createStreamGate({
    ...{ limits, callers, arrivals },
    requests: createRequestBytes(limits.maxRequestBytes, attachments),
    keepsRequest: adapter.keepsRequest,
    refusalOf: adapter.refusalOf,
    onExceeded: records.exceeded,
    onBusy: (session) => raiseStreams(session, limits),
  });
  const timers = [rechecks, unread];
  const parts: Parts = { admission, health, timers, listeners: [], sessions: new Set() };
  const bursts = createBurstWatch(options.onBurstOver ?? (() => undefined));
  const own = { limits, logger, server, callers, gate, bursts, attachments, parts };
  return { ...own, answers, scheduler, connections: { tcp: 0, unix: 0 } };
}

function listenerOptions(core: Core, via: Via, tls?: TlsFiles): ListenerOptions {
  const { limits, logger, server } = core;
  const slots = createConnectionSlots(limits.maxConnections);
  const injector = createInjector(server, {
    tls,
    limits,
    areNewcomers: via === "tcp",
    hooks: createHttp2Hooks(core, via, slots),
  });
  return { slots, logger, onConnection: (socket) => injector.injectConnection(socket) };
}

async function tryHooks(core: Core): Promise<void> {
  const listenAt = (path: string): Promise<Listener> =>
    openUnixListener(path, listenerOptions(core, "unix"));
  try {
    await makeFirstCall(listenAt, healthCheckPath);
  } catch (error) {
    core.logger.warn({ err: error }, "the daemon could not call itself to try its hooks");
  }
}

/** Handles the connections of one listener, and their streams before grpc-js. */
function createHttp2Hooks(core: Core, via: Via, slots: ConnectionSlots): Http2Hooks {
  const { limits, logger, callers, gate, bursts, attachments, parts } = core;
  return {
    onSession(session, socket) {
      trackSession(parts.sessions, session, logger);
      core.connections[via] += 1;
      session.once("close", () => (core.connections[via] -= 1));
      if (!canPauseReading(session)) attachments.missing("socket-reading");
      closeUnlessAcknowledged(session, limits.settingsTimeoutMs);
      callers.addSession(session, via, (identity) => {
        slots.trust(socket, identity);
        if (via === "tcp") raiseWindows(session, limits);
      });
    },
    onStream(stream, headers, rawHeaders, begin) {
      bursts.opened(stream);
      gate.take(stream, headers, rawHeaders, () => {
        clampTimeout(headers);
        limitLinger(stream, limits.lingerMs);
        begin();
      });
    },
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

/** Time that handlers have to clean up after their signals have fired. */
const cleanupMs = 2000;
/** Minimum time for clients to read the last bytes and close their connections. */
const hangUpMs = 1000;

async function drainCalls(parts: Parts, graceMs: number): Promise<void> {
  const { admission, health } = parts;
  const graceEnd = performance.now() + graceMs;
  admission.startDrain();
  health.setServing(false);
  // This pause lets watchers of health receive NOT_SERVING before the drain ends them.
  await new Promise(setImmediate);
  admission.abortCalls("endless");
  await within(admission.idle(), graceMs);
  admission.abortCalls("all");
  await within(admission.idle(), cleanupMs);
  await Promise.all(parts.listeners.map((listener) => listener.close()));
  // Slow readers may not have received the last bytes of calls that have ended.
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
  await within(parts.admission.idle(), cleanupMs);
}

/** Waits for `event`, for at most `timeoutMs`. */
async function within(event: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([event, timeout]);
  clearTimeout(timer);
}
