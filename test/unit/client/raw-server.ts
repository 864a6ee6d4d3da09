// Provides a grpc-js server with generated messages. It does exactly what a test requests,
// including what no daemon would do.
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { connect, type Client } from "../../../src/client/index.js";
import { ErrorInfoSchema } from "../../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../../gen/ts/google/rpc/status_pb.js";

/** Maps method names such as `Create` to handlers. The descriptor determines the kind of call. */
export type Handlers = Record<string, grpc.UntypedHandleCall>;

export interface RawServer {
  readonly address: string;
  readonly client: Client;
  /** Destroys all connections, and accepts no new ones. */
  kill(): void;
}

export async function startRawServer(
  t: TestContext,
  methods: readonly DescMethod[],
  handlers: Handlers,
): Promise<RawServer> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": 2 ** 21 });
  for (const method of methods) {
    const handler = handlers[method.name];
    if (handler === undefined) continue;
    server.addService(definitionOf(method), { [method.name]: handler });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const wire = await openWire(port);
  const client = connect(wire.address);
  t.after(() => {
    client.close();
    server.forceShutdown();
    wire.cut();
  });
  return { address: wire.address, client, kill: () => wire.cut() };
}

/**
 * Opens a relay in front of the server, because the server itself always closes its connections
 * properly. `cut` destroys the relay's connections and stops the relay.
 */
async function openWire(port: number): Promise<{ address: string; cut: () => void }> {
  const sockets = new Set<Socket>();
  const wire = createServer((near) => {
    const far = connectSocket(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const { port: open } = wire.address() as AddressInfo;
  const cut = (): void => {
    wire.close();
    for (const socket of sockets) socket.destroy();
  };
  return { address: `127.0.0.1:${open}`, cut };
}

function definitionOf(method: DescMethod): grpc.ServiceDefinition {
  return {
    [method.name]: {
      path: `/${method.parent.typeName}/${method.name}`,
      requestStream: method.methodKind === "client_streaming",
      responseStream: method.methodKind === "server_streaming",
      requestSerialize: (message: MessageShape<DescMessage>) => encode(method.input, message),
      requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
      responseSerialize: (message: MessageShape<DescMessage>) => encode(method.output, message),
      responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
    },
  };
}

function encode(schema: DescMessage, message: MessageInitShape<DescMessage>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, message)));
}

/** Returns a status in the form of the daemon. */
export function statusWith(
  code: grpc.status,
  reason: string,
  message: string,
  metadata: Record<string, string> = {},
): grpc.StatusObject {
  const info = create(ErrorInfoSchema, { reason, domain: "stasis.v1", metadata });
  const status = create(StatusSchema, { code, message, details: [anyPack(ErrorInfoSchema, info)] });
  const trailers = new grpc.Metadata();
  trailers.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: message, metadata: trailers };
}

export async function scratchDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-client-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Resolves with `value` when it has stayed the same for 200 ms. */
export async function settled(value: () => number): Promise<number> {
  for (let same = 0, last = value(); ;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = value();
    same = now === last ? same + 1 : 0;
    if (same === 10) return now;
    last = now;
  }
}

export async function concat(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}
