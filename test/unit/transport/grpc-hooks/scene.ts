// Provides servers for the contract tests of the hooks: node:http2 alone, and grpc-js with the
// injector of the hooks.
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Session } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import {
  Client,
  Server,
  credentials,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { createInjector, type Http2Hooks } from "../../../../src/transport/grpc-hooks/windows.js";
import { eventually } from "../../../support/eventually.js";
import { grpcLimits } from "../../../support/defaults.js";

export interface Arrived {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export interface Http2Scene extends AsyncDisposable {
  readonly port: number;
  readonly sessions: readonly ServerHttp2Session[];
  readonly arrived: readonly Arrived[];
  connect(): Promise<ClientHttp2Session>;
}

type StreamEvent = [ServerHttp2Stream, IncomingHttpHeaders, number, readonly string[]];

/** Starts a server of node:http2 whose streams do nothing. */
export async function startHttp2(
  onSession: (session: ServerHttp2Session) => void = () => undefined,
): Promise<Http2Scene> {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const arrived: Arrived[] = [];
  server.on("session", (session) => {
    session.on("error", () => undefined);
    sessions.push(session);
    onSession(session);
  });
  server.on("stream", (...event: unknown[]) => {
    const [stream, headers, , rawHeaders] = event as StreamEvent;
    stream.on("error", () => undefined);
    arrived.push({ stream, headers, rawHeaders });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: ClientHttp2Session[] = [];
  return {
    port,
    sessions,
    arrived,
    async connect() {
      const client = connect(`http://127.0.0.1:${port}`);
      client.on("error", () => undefined);
      clients.push(client);
      await once(client, "remoteSettings");
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      for (const session of sessions) session.destroy();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

/** Opens a stream with a body in the scene, and returns its two ends. */
export async function openStream(scene: Http2Scene, headers: Record<string, string> = {}) {
  const session = await scene.connect();
  const before = scene.arrived.length;
  const client = session.request({ ":method": "POST", ":path": "/", ...headers });
  client.on("error", () => undefined);
  await eventually("the stream", () => scene.arrived.length > before);
  const [found] = scene.arrived.slice(before);
  if (found === undefined) throw new Error("no stream");
  return { session, client, ...found };
}

const bytes = (message: Buffer): Buffer => message;
export const method = {
  path: "/test.Service/Call",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;

export interface GrpcScene extends AsyncDisposable {
  /** Returns how often the registered handler has run. */
  readonly handled: () => number;
  call(request: Buffer, timeoutSeconds?: number): Promise<Buffer>;
}

export interface GrpcSceneOptions {
  readonly onStream?: Http2Hooks["onStream"];
  /** Intercepts each call of grpc-js, and may replace it. */
  readonly intercept?: ReturnType<typeof asInterceptor>;
  readonly maxMessageBytes?: number;
}

export const asInterceptor = (
  intercept: (raw: ServerInterceptingCallInterface) => ReturnType<ServerInterceptor>,
) => intercept;

/** Starts a server of grpc-js whose handler answers with the request. */
export async function startGrpc(options: GrpcSceneOptions = {}): Promise<GrpcScene> {
  let handled = 0;
  const { intercept, maxMessageBytes = -1 } = options;
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    interceptors: intercept === undefined ? [] : [(_method, raw) => intercept(raw)],
  });
  server.register(
    method.path,
    (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) => {
      handled += 1;
      callback(null, call.request);
    },
    bytes,
    bytes,
    "unary",
  );
  const { injectConnection } = createInjector(server, {
    limits: grpcLimits,
    areNewcomers: false,
    hooks: {
      onSession: (session) => void session.on("error", () => undefined),
      onStream: options.onStream ?? ((_stream, _headers, _rawHeaders, begin) => begin()),
    },
  });
  const listener = createSocketServer((socket) => {
    socket.on("error", () => undefined);
    injectConnection(socket);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    handled: () => handled,
    call: (request, timeoutSeconds) =>
      new Promise((resolve, reject) => {
        const deadline =
          timeoutSeconds === undefined ? {} : { deadline: inSeconds(timeoutSeconds) };
        client.makeUnaryRequest(method.path, bytes, bytes, request, deadline, (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error ?? new Error("no answer"));
        });
      }),
    async [Symbol.asyncDispose]() {
      client.close();
      server.forceShutdown();
      const closed = once(listener, "close");
      listener.close();
      await closed;
    },
  };
}

function inSeconds(seconds: number): Date {
  return new Date(Date.now() + seconds * 1000);
}
