// Makes gRPC calls directly on node:http2, for behaviour that no client library shows.
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";

export interface RawClient extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Starts a call. The test writes to the call and ends it. */
  call(path: string, headers?: Record<string, string>): RawCall;
}

export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** The events in order: headers, trailers, data, end, close:<RST code>. */
  readonly events: string[];
  /** The headers or the trailers of the answer, whichever contain `grpc-status`. */
  readonly status: Promise<IncomingHttpHeaders>;
  readonly closed: Promise<number>;
}

export async function openRawClient(port: number): Promise<RawClient> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 << 20 } });
  session.on("error", () => undefined);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  return {
    session,
    call: (path, headers = {}) => startCall(session, path, headers),
    [Symbol.asyncDispose]() {
      session.destroy();
      return Promise.resolve();
    },
  };
}

function startCall(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string>,
): RawCall {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    [constants.HTTP2_HEADER_TE]: "trailers",
    ...headers,
  });
  const events: string[] = [];
  stream.on("error", () => undefined);
  stream.on("data", () => events.push("data"));
  stream.on("end", () => events.push("end"));
  const status = new Promise<IncomingHttpHeaders>((resolve) => {
    const settle = (event: string) => (received: IncomingHttpHeaders) => {
      events.push(event);
      if ("grpc-status" in received || Number(received[":status"]) !== 200) resolve(received);
    };
    const headersReceived = settle("headers");
    const trailersReceived = settle("trailers");
    stream.on("response", headersReceived);
    stream.on("trailers", trailersReceived);
  });
  const closed = new Promise<number>((resolve) => {
    stream.on("close", () => {
      events.push(`close:${stream.rstCode}`);
      resolve(stream.rstCode);
    });
  });
  return { stream, events, status, closed };
}

/** Returns a message with the length prefix of gRPC. */
export function grpcFrame(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
