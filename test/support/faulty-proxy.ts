// Runs a real HTTP proxy in front of an object store. The proxy fails requests as a test requests:
// each fault once, or permanently. Requests without a fault pass through unchanged.
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { RemoteRequestKind } from "../../src/observe/ports.js";

export type Fault =
  /** The proxy answers itself. The engine does not receive the request. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body?: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is reset before the engine receives the request. */
  | { readonly kind: "reset-before" }
  /** The engine applies the request. Then the proxy resets the connection instead of answering. */
  | { readonly kind: "reset-after" }
  /** The engine applies the request, and the answer never comes. */
  | { readonly kind: "silent" }
  /** The answer is cut in the middle of its body or, if it has no body, of its head. */
  | { readonly kind: "cut" }
  /** One bit of the request's body changes on the way. */
  | { readonly kind: "flip-upload" }
  /** One bit of the answer's body changes on the way. */
  | { readonly kind: "flip-download" }
  /** The body of the answer lacks its last byte, and the stated length agrees. */
  | { readonly kind: "shorten" }
  /** The answer is delayed. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The engine's answer has other headers or another status. */
  | {
      readonly kind: "change";
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface SeenRequest {
  readonly kind: RemoteRequestKind;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The number of the connection, counted from 1. */
  readonly connection: number;
}

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  readonly seen: SeenRequest[];
  /** Returns the number of requests that are being answered. */
  active(): number;
  /** Returns the maximum number of requests that were being answered at one time. */
  mostActive(): number;
  /**
   * Applies these faults to the next requests of this kind, one fault per request. Other requests
   * pass.
   */
  failNext(kind: RemoteRequestKind, ...faults: readonly Fault[]): void;
  /**
   * Applies the fault to every request of this kind. If the fault is undefined, no request is
   * failed any more.
   */
  failAll(kind: RemoteRequestKind, fault: Fault | undefined): void;
}

export function errorXml(code: string, message = "of the test"): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

export async function startFaultyProxy(engineEndpoint: string): Promise<FaultyProxy> {
  const target = new URL(engineEndpoint);
  const next = new Map<RemoteRequestKind, Fault[]>();
  const always = new Map<RemoteRequestKind, Fault>();
  const seen: SeenRequest[] = [];
  const connections = new WeakMap<object, number>();
  let connected = 0;
  let active = 0;
  let mostActive = 0;
  const server = createServer((request, response) => {
    const kind = kindOf(request);
    const { method = "", url = "", headers, socket } = request;
    seen.push({ kind, method, url, headers, connection: connections.get(socket) ?? 0 });
    const fault = next.get(kind)?.shift() ?? always.get(kind);
    active += 1;
    mostActive = Math.max(mostActive, active);
    response.on("close", () => (active -= 1));
    serve(target, request, response, fault).catch(() => response.destroy());
  });
  server.on("connection", (socket) => connections.set(socket, (connected += 1)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    active: () => active,
    mostActive: () => mostActive,
    failNext: (kind, ...faults) => void next.set(kind, [...faults]),
    failAll: (kind, fault) =>
      void (fault === undefined ? always.delete(kind) : always.set(kind, fault)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function kindOf({ method, url = "" }: IncomingMessage): RemoteRequestKind {
  if (method === "GET") return url.includes("list-type=2") ? "list" : "get";
  return method === "PUT" ? "put" : method === "HEAD" ? "head" : "delete";
}

async function serve(
  target: URL,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === "reset-before") return void request.socket.resetAndDestroy();
  const body = Buffer.concat(await request.toArray());
  if (fault?.kind === "answer") {
    response.writeHead(fault.status, { ...fault.headers });
    return void response.end(fault.body ?? "");
  }
  if (fault?.kind === "flip-upload") flip(body);
  const answer = await forward(target, request, body);
  if (fault?.kind === "reset-after") return void request.socket.resetAndDestroy();
  if (fault?.kind === "silent") return;
  if (fault?.kind === "slow") await pause(fault.ms);
  if (fault?.kind === "cut") return cut(response, answer);
  let { bytes } = answer;
  if (fault?.kind === "flip-download") flip(bytes);
  if (fault?.kind === "shorten") bytes = bytes.subarray(0, -1);
  const isHead = request.method === "HEAD";
  const length = isHead ? {} : { "content-length": String(bytes.length) };
  const changed = fault?.kind === "change" ? fault : undefined;
  const headers = { ...answer.headers, ...length, ...changed?.headers };
  response.writeHead(changed?.status ?? answer.status, headers);
  response.end(isHead ? undefined : bytes);
}

interface Forwarded {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Buffer;
}

async function forward(target: URL, request: IncomingMessage, body: Buffer): Promise<Forwarded> {
  const { method, url, headers } = request;
  const sent = httpRequest({
    ...{ host: target.hostname, port: target.port, method, path: url, headers, agent: false },
  });
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const bytes = Buffer.concat(await answer.toArray());
  const { "transfer-encoding": _, connection: __, ...kept } = answer.headers;
  return { status: answer.statusCode ?? 0, headers: kept, bytes };
}

/** Writes the head of the answer itself, so that the answer can end anywhere. */
function cut(response: ServerResponse, { status, bytes }: Forwarded): void {
  const { socket } = response;
  const half = bytes.subarray(0, bytes.length >> 1);
  const head = `HTTP/1.1 ${status} OK\r\nContent-Length: ${bytes.length}\r\n`;
  const range =
    status === 206
      ? `Content-Range: ${String(response.req.headers.range).replace("=", " ")}/*\r\n`
      : "";
  const text = bytes.length === 0 ? head : `${head}${range}\r\n`;
  socket?.write(Buffer.concat([Buffer.from(text), half]), () => socket.destroy());
}

function flip(bytes: Buffer): void {
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
}
