// Provides a real server on a real socket, and a small client of grpc-js with the generated
// descriptors.
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema, type Status } from "../../../gen/ts/google/rpc/status_pb.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { createLogger } from "../../../src/base/logger.js";
import {
  bindService,
  type MethodTraits,
  type ServiceImplementation,
} from "../../../src/transport/handler.js";
import type { GrpcLimits } from "../../../src/transport/grpc-limits.js";
import { createGrpcServer, type GrpcServer } from "../../../src/transport/server.js";
import { grpcLimits, serverDefaults } from "../../support/defaults.js";

export const silent = createLogger("silent");
export const methods = SnapshotService.method;

type Implementation = ServiceImplementation<typeof SnapshotService>;
type Traits = MethodTraits<keyof typeof SnapshotService.method>;

export interface Harness extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly port: number;
  readonly client: Client;
  /** Returns a client with its own connection. */
  connect(): Client;
}

export async function startServer(
  implementation: Implementation,
  limits: Partial<GrpcLimits> = {},
  traits: Traits = { byteStreams: ["create", "import", "restore", "export"] },
): Promise<Harness> {
  const server = createGrpcServer({
    ...serverDefaults,
    implementations: [bindService(SnapshotService, implementation, traits)],
    limits: { ...grpcLimits, ...limits },
    logger: silent,
  });
  server.setServing(true);
  const { port, address } = await server.listenTcp({ host: "127.0.0.1", port: 0 });
  const clients: Client[] = [];
  const connect = (): Client => {
    const client = openClient(address);
    clients.push(client);
    return client;
  };
  return {
    server,
    port,
    client: connect(),
    connect,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

export function openClient(address: string): Client {
  return new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc-node.flow_control_window": 1024 * 1024,
  });
}

interface Typed<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly parent: DescMethod["parent"];
  readonly input: I;
  readonly output: O;
}

export function pathOf(method: Pick<DescMethod, "name" | "parent">): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function encode<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}

const serialize =
  <D extends DescMessage>(schema: D) =>
  (init: MessageInitShape<D>): Buffer =>
    encode(schema, init);
const deserialize =
  <D extends DescMessage>(schema: D) =>
  (bytes: Buffer): MessageShape<D> =>
    fromBinary(schema, bytes);

export function unary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Typed<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions & { readonly metadata?: Metadata } = {},
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      pathOf(method),
      serialize(method.input),
      deserialize(method.output),
      request,
      options.metadata ?? new Metadata(),
      options,
      (error, response) => {
        if (error !== null) reject(error);
        else if (response === undefined) reject(new Error("no response"));
        else resolve(response);
      },
    );
  });
}

export function download<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Typed<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions = {},
): ClientReadableStream<MessageShape<O>> {
  const { input, output } = method;
  return client.makeServerStreamRequest(
    pathOf(method),
    serialize(input),
    deserialize(output),
    request,
    options,
  );
}

export interface Upload<I extends DescMessage, O extends DescMessage> {
  readonly call: ClientWritableStream<MessageInitShape<I>>;
  readonly response: Promise<MessageShape<O>>;
}

export function upload<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Typed<I, O>,
  options: CallOptions = {},
): Upload<I, O> {
  let call: ClientWritableStream<MessageInitShape<I>> | undefined;
  const response = new Promise<MessageShape<O>>((resolve, reject) => {
    call = client.makeClientStreamRequest(
      pathOf(method),
      serialize(method.input),
      deserialize(method.output),
      options,
      (error, value) => {
        if (error !== null) reject(error);
        else if (value === undefined) reject(new Error("no response"));
        else resolve(value);
      },
    );
    // Writes fail after the server has answered. Only the answer matters here.
    call.on("error", () => undefined);
  });
  if (call === undefined) throw new Error("no call");
  return { call, response };
}

export function bidi<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Typed<I, O>,
): ClientDuplexStream<MessageInitShape<I>, MessageShape<O>> {
  return client.makeBidiStreamRequest(
    pathOf(method),
    serialize(method.input),
    deserialize(method.output),
  );
}

/** Returns the error with which a call ended. */
export async function failureOf(result: Promise<unknown>): Promise<ServiceError> {
  const outcome = await result.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) throw new Error(`the call succeeded: ${String(outcome.value)}`);
  return outcome.error as ServiceError;
}

/** Returns all messages of a download. Rejects with the error of the download. */
export async function collect<T>(call: ClientReadableStream<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of call) messages.push(message as T);
  return messages;
}

export interface Details {
  readonly status: Status;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  readonly retryDelayMs: number | undefined;
  readonly fields: readonly { field: string; description: string }[];
  readonly resource: { resourceType: string; resourceName: string } | undefined;
  readonly preconditions: readonly { type: string; subject: string }[];
}

/** Returns the content of `grpc-status-details-bin` in an error. */
export function detailsOf(error: { readonly metadata: Metadata | null }): Details {
  const [encoded] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(encoded)) throw new Error("the error has no details");
  const status = fromBinary(StatusSchema, encoded);
  const find = <D extends DescMessage>(schema: D): MessageShape<D> | undefined =>
    status.details.map((any) => anyUnpack(any, schema)).find((found) => found !== undefined);
  const info = find(ErrorInfoSchema);
  const retry = find(RetryInfoSchema)?.retryDelay;
  return {
    status,
    reason: info?.domain === "stasis.v1" ? info.reason : `domain ${String(info?.domain)}`,
    metadata: info?.metadata ?? {},
    retryDelayMs:
      retry === undefined ? undefined : Number(retry.seconds) * 1000 + retry.nanos / 1e6,
    fields: find(BadRequestSchema)?.fieldViolations ?? [],
    resource: find(ResourceInfoSchema),
    preconditions: find(PreconditionFailureSchema)?.violations ?? [],
  };
}

/** A promise that a test resolves. */
export interface Signal<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function createSignal<T = void>(): Signal<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Returns the reason with which a signal fires. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

export const chunk = (sizeBytes: number) =>
  ({ frame: { case: "chunk", value: new Uint8Array(sizeBytes) } }) as const;
