// Provides clients that no client library allows: streams left half-open, readers that stop
// reading, resets, frames in the wrong order, and bytes that are not gRPC. Each client uses HTTP/2
// directly.
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { grpcFrame } from "../unit/transport/raw-client.js";

const { create: createMethod, restore, inspect, readFile } = SnapshotService.method;
export const paths = {
  create: `/${SnapshotService.typeName}/${createMethod.name}`,
  restore: `/${SnapshotService.typeName}/${restore.name}`,
  inspect: `/${SnapshotService.typeName}/${inspect.name}`,
  readFile: `/${SnapshotService.typeName}/${readFile.name}`,
} as const;

export function framed<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  return grpcFrame(toBinary(schema, create(schema, message)));
}

export const frames = {
  header: framed(createMethod.input, { frame: { case: "header", value: {} } }),
  chunk: framed(createMethod.input, { frame: { case: "chunk", value: Buffer.alloc(512, 1) } }),
  commit: framed(createMethod.input, { frame: { case: "commit", value: { totalBytes: 512n } } }),
  nothing: framed(createMethod.input, {}),
} as const;

export interface HostileSession {
  readonly session: ClientHttp2Session;
  open(path: string, headers?: Readonly<Record<string, string>>): ClientHttp2Stream;
}

/** Opens a session. `address` is `HOST:PORT`. Errors of the session are expected. */
export function openSession(address: string, token?: string): HostileSession {
  const session = connect(`http://${address}`);
  session.on("error", () => undefined);
  return {
    session,
    open(path, headers = {}) {
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
        [constants.HTTP2_HEADER_TE]: "trailers",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      });
      stream.on("error", () => undefined);
      return stream;
    },
  };
}

/** Returns `grpc-status`, or describes how the stream ended instead. */
export function statusOf(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    let status: string | undefined;
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      status ??= headers["grpc-status"] as string | undefined;
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("close", () => resolve(status ?? `reset ${stream.rstCode}`));
    stream.resume();
  });
}
