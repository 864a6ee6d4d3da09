// Performs one HTTP request and reads the whole answer. An exchange always ends: within its
// deadline, or when no byte moves for too long. If an answer is not wanted, its connection is
// closed.
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { messageOf } from "../../base/errors.js";
import { formatBytes, kib } from "../../base/sizes.js";
import type { RemoteAttempt } from "../../observe/ports.js";
import type { Payload } from "./payload.js";

/** The connections to one endpoint, which stay open between requests. */
export interface EndpointConnections extends Disposable {
  begin(call: HttpCall): ClientRequest;
}

interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Exchange extends HttpCall {
  readonly payload: Payload | undefined;
  /**
   * Returns why the answer is unusable, before its body is read. Undefined if the body should be
   * read.
   */
  unusable(head: AnswerHead): string | undefined;
  /** Maximum size of the body of a successful answer. */
  readonly maxBodyBytes: number;
  /** How long an exchange may send and receive no byte. */
  readonly idleMs: number;
  readonly deadlineMs: number;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface EngineAnswer extends AnswerHead {
  readonly body: Buffer;
  readonly sentBytes: number;
}

/** The result of an exchange without a usable answer. */
export interface Broken {
  readonly attempt: Extract<RemoteAttempt, "invalid" | "timeout" | "disconnected" | "cancelled">;
  /** The reason for people, for example `the connection broke: …`. */
  readonly why: string;
  readonly cause: unknown;
  /** Whether the other end had closed an idle connection before it received the request. */
  readonly wasStale: boolean;
  /**
   * Whether a connection was made. If so, the object store may have the request, or may get it
   * later.
   */
  readonly connected: boolean;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Maximum size of the body of an error. A longer body is cut off. */
const maxErrorBytes = 64 * kib;

interface ConnectionOptions {
  /** The origin, as `http://HOST[:PORT]` or `https://HOST[:PORT]`. */
  readonly origin: string;
  readonly maxConnections: number;
  /** The certificate authorities in PEM. Undefined means the authorities of Node. */
  readonly ca: string | undefined;
}

export function openConnections({
  origin,
  maxConnections,
  ca,
}: ConnectionOptions): EndpointConnections {
  const { protocol, hostname, port } = new URL(origin);
  // The brackets of an IPv6 address are not part of the host name.
  const target = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port };
  const options = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections };
  if (protocol === "https:") {
    const agent = new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) });
    return {
      begin: (call) => httpsRequest({ ...target, ...call, agent }),
      [Symbol.dispose]: () => agent.destroy(),
    };
  }
  const agent = new HttpAgent(options);
  return {
    begin: (call) => httpRequest({ ...target, ...call, agent }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** Performs the exchange. The promise rejects only with an error of the payload's file. */
export function exchange(
  connections: EndpointConnections,
  call: Exchange,
  signal: AbortSignal,
): Promise<EngineAnswer | Broken> {
  return new Promise((resolve, reject) => {
    const { method, path, headers, payload } = call;
    const request = connections.begin({ method, path, headers });
    const moved = { sentBytes: 0, receivedBytes: 0, atMs: performance.now() };
    let answered = false;
    let connected = false;
    request.once("socket", (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once("connect", () => (connected = true));
    });
    const endWatch = watch(call, moved, (why) => breakOff("timeout", why));
    const finish = (then: () => void): void => {
      endWatch();
      signal.removeEventListener("abort", cancel);
      then();
    };
    // The request may report a further error later. Only the first call has an effect.
    const breakOff = (attempt: Broken["attempt"], why: string, cause?: unknown): void => {
      const wasStale = attempt === "disconnected" && request.reusedSocket && !answered;
      const { sentBytes, receivedBytes } = moved;
      finish(() => resolve({ attempt, why, cause, wasStale, connected, sentBytes, receivedBytes }));
      request.destroy();
    };
    const cancel = (): void => breakOff("cancelled", "it was cancelled", signal.reason);
    signal.addEventListener("abort", cancel, { once: true });
    request.on("error", (error) => breakOff("disconnected", connectionText(error), error));
    request.on("response", (response) => {
      answered = true;
      moved.atMs = performance.now();
      const head = { status: response.statusCode ?? 0, headers: response.headers };
      const why = head.status < 300 ? call.unusable(head) : undefined;
      if (why !== undefined) return breakOff("invalid", why);
      const maxBytes = head.status < 300 ? call.maxBodyBytes : undefined;
      readBody(response, maxBytes, method === "HEAD", moved, {
        failed: (text, error) => breakOff("invalid", text, error),
        done: (body) => {
          finish(() => resolve({ ...head, body, sentBytes: moved.sentBytes }));
          if (!request.writableFinished || !response.complete) request.destroy();
        },
      });
    });
    send(request, payload, moved).catch((error: unknown) => {
      finish(() => reject(error));
      request.destroy();
    });
    if (signal.aborted) cancel();
  });
}

interface Movement {
  sentBytes: number;
  receivedBytes: number;
  /** When the last byte moved. */
  atMs: number;
}

/** Calls `late` once, when the exchange takes too long. Returns a function that ends the watch. */
function watch(
  { idleMs, deadlineMs }: Exchange,
  moved: Movement,
  late: (why: string) => void,
): () => void {
  const endMs = performance.now() + deadlineMs;
  const look = (): void => {
    const nowMs = performance.now();
    const idleEndMs = moved.atMs + idleMs;
    if (nowMs >= endMs) return late(`it did not end within ${seconds(deadlineMs)}`);
    if (nowMs >= idleEndMs) return late(`nothing moved for ${seconds(idleMs)}`);
    timer = setTimeout(look, Math.ceil(Math.min(endMs, idleEndMs) - nowMs));
  };
  let timer = setTimeout(look, Math.ceil(Math.min(deadlineMs, idleMs)));
  return () => clearTimeout(timer);
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

async function send(
  request: ClientRequest,
  payload: Payload | undefined,
  moved: Movement,
): Promise<void> {
  if (payload === undefined) {
    request.end();
    return;
  }
  // Node does not call the callback of a write that never reached a socket. So `close` also ends
  // the wait.
  let closed: () => void = () => undefined;
  request.once("close", () => closed());
  for await (const piece of payload.pieces()) {
    if (request.destroyed) return;
    const isSent = await new Promise<boolean>((resolve) => {
      closed = () => resolve(false);
      request.write(piece, (error) => resolve(error === null || error === undefined));
    });
    if (!isSent) return;
    moved.sentBytes += piece.length;
    moved.atMs = performance.now();
  }
  request.end();
}

interface BodyOutcome {
  failed(why: string, cause?: unknown): void;
  done(body: Buffer): void;
}

/**
 * Reads the body. Without `maxBytes` it is the body of an error, which is cut off instead of
 * refused.
 */
function readBody(
  response: IncomingMessage,
  maxBytes: number | undefined,
  isHead: boolean,
  moved: Movement,
  { failed, done }: BodyOutcome,
): void {
  // The length in an answer to HEAD is that of the object.
  const declared = isHead ? 0 : declaredLength(response.headers);
  const limit = maxBytes ?? maxErrorBytes;
  if (maxBytes !== undefined && (declared ?? 0) > limit) {
    failed(`its body has ${formatBytes(declared ?? 0)}; expected at most ${formatBytes(limit)}`);
    return;
  }
  let body: Buffer = Buffer.allocUnsafeSlow(Math.min(declared ?? 0, limit));
  let length = 0;
  response.on("data", (chunk: Buffer) => {
    moved.atMs = performance.now();
    moved.receivedBytes += chunk.length;
    if (length + chunk.length > limit) {
      response.removeAllListeners("data");
      if (maxBytes === undefined) done(body.subarray(0, length));
      else failed(`its body has more than ${formatBytes(limit)}`);
      return;
    }
    if (length + chunk.length > body.length) body = larger(body, length, length + chunk.length);
    chunk.copy(body, length);
    length += chunk.length;
  });
  const cut = (error?: Error): void => failed(`it was cut off after ${formatBytes(length)}`, error);
  response.on("error", cut);
  response.on("end", () => {
    if (response.complete) done(body.subarray(0, length));
    else cut();
  });
}

function declaredLength(headers: IncomingHttpHeaders): number | undefined {
  const text = headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

function larger(body: Buffer, length: number, needed: number): Buffer {
  const next = Buffer.allocUnsafeSlow(Math.max(needed, 2 * body.length));
  body.copy(next, 0, 0, length);
  return next;
}

function connectionText(error: Error): string {
  return `the connection failed: ${messageOf(error)}`;
}
