// Runs the admin listener, which serves the web page with its data, metrics and probes over HTTP.
// Its requests do not change the store. The listener opens before recovery and closes last, so that
// probes see both phases.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isLoopbackHost } from "../base/host-port.js";
import type { Logger } from "../base/logger.js";
import type { Identity } from "../model/access.js";
import type { Access } from "../transport/auth/access.js";
import type { PeerUser } from "../transport/auth/connections.js";
import type { Conceal } from "../transport/auth/conceal.js";
import type { TlsFiles } from "../transport/auth/tls-files.js";
import { createConnectionSlots, type ConnectionSlots } from "../transport/connection-slots.js";
import {
  openTcpListener,
  openUnixListener,
  type Listener,
  type TcpAddress,
} from "../transport/listener.js";
import type { SocketFile } from "../transport/unix-socket.js";
import { toCallError } from "../transport/status.js";
import { seesPaths } from "../model/access.js";
import { errorAnswer, setCommonHeaders, textAnswer, type Answer } from "./answer.js";
import type { Phase } from "./health.js";
import { createHttpServer, defaultAdminLimits, type AdminLimits } from "./http-server.js";
import { busy, createIdentify, peerOf, refusalOf, urlOf, type ListenerFacts } from "./request.js";
import type { RouteRequest, Routes } from "./routes.js";
import { sendPieces } from "./send-pieces.js";

interface AdminServerOptions {
  readonly access: Access;
  readonly peerUser: PeerUser;
  /** Hides paths of the node from callers that may not see them. */
  readonly conceal: Conceal;
  readonly routes: Routes;
  readonly logger: Logger;
  readonly limits?: Partial<AdminLimits>;
}

interface AdminServer extends AsyncDisposable {
  /** Listens on a TCP address. Throws FIELD_INVALID if the server cannot listen on the address. */
  listenTcp(address: TcpAddress, tls?: TlsFiles): Promise<Listener>;
  /**
   * Listens on a Unix socket. Throws FIELD_INVALID if a process already listens on it. See
   * `openUnixListener`.
   */
  listenUnix(path: string, file?: SocketFile): Promise<Listener>;
  /**
   * Sets the phase of the daemon, which is a part of the answer of /readyz. Draining ends event
   * streams.
   */
  setPhase(phase: Phase): void;
  /** Stops listening and ends all connections. A second call has no effect. */
  close(): Promise<void>;
}

interface Server {
  readonly options: AdminServerOptions;
  readonly limits: AdminLimits;
  readonly listeners: Listener[];
  /** Aborts when event streams must end. */
  readonly draining: AbortController;
  readonly held: { phase: Phase; requests: number; answerBytes: number };
  readonly pipelined: WeakMap<Socket, number>;
}

export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server: Server = {
    options,
    limits: { ...defaultAdminLimits, ...options.limits },
    listeners: [],
    draining: new AbortController(),
    held: { phase: "recovering", requests: 0, answerBytes: 0 },
    pipelined: new WeakMap(),
  };
  const close = async (): Promise<void> => {
    server.draining.abort();
    await Promise.all(server.listeners.map((listener) => listener.close()));
    for (const listener of server.listeners) listener.destroyConnections();
  };
  const keep = (listener: Listener): Listener => {
    server.listeners.push(listener);
    return listener;
  };
  const common = (arrival: ListenerFacts, tls?: TlsFiles) => {
    const slots = createConnectionSlots(server.limits.maxConnections);
    const onRequest = createRequestListener(server, arrival, slots);
    const http = createHttpServer(server.limits, tls, onRequest);
    const { logger } = options;
    return { slots, logger, onConnection: () => undefined, server: http, option: "admin_listen" };
  };
  return {
    listenTcp: async (address, tls) => {
      const arrival = { via: "tcp", loopback: isLoopbackHost(address.host) } as const;
      return keep(await openTcpListener(address, common(arrival, tls)));
    },
    listenUnix: async (path, file) =>
      keep(await openUnixListener(path, common({ via: "unix", loopback: true }), file)),
    setPhase(phase) {
      server.held.phase = phase;
      if (phase === "draining") server.draining.abort();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createRequestListener(
  server: Server,
  arrival: ListenerFacts,
  slots: ConnectionSlots,
): RequestListener {
  const { held, limits, options, pipelined } = server;
  const identify = createIdentify(options.access, options.peerUser);
  return (request, response) => {
    const { socket } = request;
    const open = (pipelined.get(socket) ?? 0) + 1;
    if (open > limits.maxPipelined) {
      socket.destroy();
      return;
    }
    pipelined.set(socket, open);
    held.requests += 1;
    response.once("close", () => {
      held.requests -= 1;
      pipelined.set(socket, (pipelined.get(socket) ?? 1) - 1);
    });
    response.on("error", (error) => options.logger.debug({ err: error }, "answer failed"));
    const identity = (): Identity => {
      const found = identify(request, arrival.via);
      slots.trust(socket, found);
      return found;
    };
    void serve(server, arrival, request, response, identity);
  };
}

/** Answers a request. The promise never rejects. */
async function serve(
  server: Server,
  arrival: ListenerFacts,
  request: IncomingMessage,
  response: ServerResponse,
  identity: () => Identity,
): Promise<void> {
  const { held, limits, options, draining } = server;
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  setCommonHeaders(response);
  const refusal = refusalOf(request, arrival);
  const url = urlOf(request);
  if (refusal !== undefined || url === undefined) {
    send(server, request, response, refusal ?? textAnswer(400, "the target is not a path"));
    return;
  }
  let asking: Identity | undefined;
  const routed: RouteRequest = {
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    peer: peerOf(request, arrival.via),
    phase: held.phase,
    signal: controller.signal,
    draining: draining.signal,
    identity: () => (asking = identity()),
    limits,
  };
  try {
    if (held.requests > limits.maxRequests + limits.maxEventStreams) throw busy("requests");
    const answer = await options.routes(routed);
    if ("pieces" in answer) await sendPieces(response, answer, request.method === "HEAD");
    else send(server, request, response, answer);
  } catch (error) {
    const { logger } = options;
    const call = { method: url.pathname, signal: controller.signal, logger };
    const failure = toCallError(error, call);
    const sees = asking !== undefined && seesPaths(asking);
    send(server, request, response, errorAnswer(sees ? failure : options.conceal.error(failure)));
  }
}

function send(
  { held, limits }: Server,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const bytes = Buffer.byteLength(answer.body);
  const fits = held.answerBytes + bytes <= limits.maxAnswerBytes;
  const {
    status,
    contentType,
    body,
    headers = {},
  } = fits ? answer : errorAnswer(busy("answers that nobody reads"));
  held.answerBytes += bytes;
  response.once("close", () => (held.answerBytes -= bytes));
  response.statusCode = status;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", "no-store");
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (status !== 304) response.setHeader("content-length", Buffer.byteLength(body));
  response.end(request.method === "HEAD" ? undefined : body);
}
