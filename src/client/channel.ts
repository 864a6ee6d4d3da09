// Adapts protobuf-es service descriptors to calls of grpc-js.
//
// Uploads have their own connection. Node's HTTP/2 does not read from a socket while a write to it
// is in progress. If both ends of one connection sent more than the kernel buffers at the same
// moment, each would wait for the other forever.
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescMethodClientStreaming,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Client, Metadata, type ChannelOptions, type ClientWritableStream } from "@grpc/grpc-js";
import type { EncodedMessage } from "../wire/bytes-field.js";
import { StoreError } from "../base/errors.js";
import { injectTrace } from "../observe/spans.js";
import type { Address } from "./address.js";
import type { ChannelAccess } from "./channel-access.js";
import { closeClient } from "./grpc-hooks/close-client.js";
import { copiedByGrpc, freeSent } from "./grpc-hooks/sent-frames.js";
import { errorFromStatus } from "./status-decode.js";

export interface CallOptions {
  /** Cancels the call, which then fails with CALL_CANCELLED. */
  readonly signal?: AbortSignal;
  /** The call fails with DEADLINE_PASSED if it has not ended after this time. Default: no limit. */
  readonly timeoutMs?: number;
}

interface ChannelSettings {
  /** HTTP/2 window of a stream and of the connection, in bytes. */
  readonly flowWindowBytes: number;
  /** Largest accepted message, in bytes. */
  readonly maxMessageBytes: number;
  readonly credentials: ChannelAccess;
}

/** An upload in progress: encoded frames go in, one response comes out. */
export interface UploadCall<O> {
  /** Settles when the daemon has answered, even if it answers before everything was sent. */
  readonly response: Promise<O>;
  /**
   * Queues an encoded frame. Resolves when the frame was copied and there is room for the next one.
   * After the call has ended, the promise may never resolve.
   */
  write(frame: EncodedMessage): Promise<void>;
  /** Half-closes the stream: no more frames follow. */
  end(): void;
  cancel(): void;
}

export interface Channel {
  readonly address: Address;
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  /** Calls an RPC that answers with a stream. Leaving the loop early cancels the call. */
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncGenerator<MessageShape<O>, void, undefined>;
  upload<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    options?: CallOptions,
  ): UploadCall<MessageShape<O>>;
  close(): void;
}

/** Maximum number of frames queued in grpc-js. At this number, `write` makes the caller wait. */
const maxQueuedFrames = 8;
/** Maximum bytes of messages that grpc-js sends again if the daemon has not seen them. */
const maxRetryBytes = 64 * 1024;
/**
 * Interval of the pings. With them, a call fails within 30 + 20 seconds after the daemon's machine
 * is gone, even if the call sends nothing.
 */
const keepaliveIntervalMs = 30_000;
const keepaliveTimeoutMs = 20_000;

export function openChannel(address: Address, settings: ChannelSettings): Channel {
  const client = openClient(address, settings);
  const uploads = openClient(address, settings);
  const access = settings.credentials;
  let closed = false;
  const begin = (method: DescMethod, options: CallOptions): ClientCall => {
    if (closed) throw new StoreError("CALL_CANCELLED", `${method.name}: the client is closed`);
    if (options.signal?.aborted === true) throw cancelledBy(method, options.signal);
    return {
      client: method.methodKind === "client_streaming" ? uploads : client,
      path: `/${method.parent.typeName}/${method.name}`,
      metadata: metadataOf(access),
      deadline: options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs },
      signal: options.signal,
      failure: async (error, answered) => {
        const { signal, timeoutMs } = options;
        if (signal?.aborted === true) return cancelledBy(method, signal);
        const { secure } = access;
        return await errorFromStatus(error, {
          address,
          secure,
          answered,
          rpc: method.name,
          timeoutMs,
        });
      },
    };
  };
  return {
    address,
    unary: async (method, request, options = {}) =>
      startUnary(begin(method, options), method, request),
    async *serverStream(method, request, options = {}) {
      yield* readStream(begin(method, options), method, request);
    },
    upload: (method, options = {}) => startUpload(begin(method, options), method),
    close() {
      if (closed) return;
      closed = true;
      closeClient(client);
      closeClient(uploads);
    },
  };
}

/** Makes a client that connects with its first call. */
function openClient(address: Address, settings: ChannelSettings): Client {
  const options = channelOptions(address, settings);
  return new Client(address.target, settings.credentials.channel, {
    ...options,
    ...settings.credentials.options,
  });
}

function channelOptions(address: Address, settings: ChannelSettings): ChannelOptions {
  return {
    // With HTTP/2's initial 64 KiB, a stream reaches a tenth of the speed.
    "grpc-node.flow_control_window": settings.flowWindowBytes,
    "grpc.max_receive_message_length": settings.maxMessageBytes,
    "grpc.max_send_message_length": settings.maxMessageBytes,
    "grpc.keepalive_time_ms": keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    // Closing this client must close its connection, even if other clients of this process use the
    // same daemon.
    "grpc.use_local_subchannel_pool": 1,
    // This keeps grpc-js from retaining a chunk that it has sent, so that the chunk's memory can be
    // freed.
    "grpc.per_rpc_retry_buffer_size": maxRetryBytes,
    // Prevents TXT look-ups for a service configuration.
    "grpc.service_config_disable_resolution": 1,
    // A daemon on this machine is never behind the proxy that the environment names.
    ...(address.local ? { "grpc.enable_http_proxy": 0 } : {}),
  };
}

/**
 * Returns the metadata of a call. This reads the token for each call, so that a changed token takes
 * effect. If the caller's program uses tracing, the active span becomes the parent.
 */
function metadataOf({ token }: ChannelAccess): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token()}`);
  injectTrace((name, value) => metadata.set(name, value));
  return metadata;
}

/** State that the three kinds of call share. */
interface ClientCall {
  readonly client: Client;
  readonly path: string;
  readonly metadata: Metadata;
  readonly deadline: { deadline?: number };
  readonly signal: AbortSignal | undefined;
  failure(error: unknown, answered: boolean): Promise<StoreError>;
}

function startUnary<I extends DescMessage, O extends DescMessage>(
  { client, path, metadata, deadline, signal, failure }: ClientCall,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const message = encode(method.input, create(method.input, request));
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      identity,
      (bytes: Buffer) => fromBinary(method.output, bytes),
      message,
      metadata,
      deadline,
      (error, response) => {
        release();
        if (error === null && response !== undefined) resolve(response);
        else void failure(error, false).then(reject);
      },
    );
    const release = onAbort(signal, () => call.cancel());
  });
}

async function* readStream<I extends DescMessage, O extends DescMessage>(
  { client, path, metadata, deadline, signal, failure }: ClientCall,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  const stream = client.makeServerStreamRequest(
    path,
    identity,
    (bytes: Buffer) => fromBinary(method.output, bytes),
    encode(method.input, create(method.input, request)),
    metadata,
    deadline,
  );
  // The iterator receives errors only while somebody waits for it. Without a listener a later
  // error, such as our own cancellation, would end the process.
  stream.on("error", () => undefined);
  const release = onAbort(signal, () => stream.cancel());
  let answered = false;
  try {
    for await (const response of stream.iterator({ destroyOnReturn: false })) {
      answered = true;
      yield response as MessageShape<O>;
    }
  } catch (error) {
    throw await failure(error, answered);
  } finally {
    release();
    stream.cancel();
  }
}

function startUpload<I extends DescMessage, O extends DescMessage>(
  { client, path, metadata, deadline, signal, failure }: ClientCall,
  method: DescMethodClientStreaming<I, O>,
): UploadCall<MessageShape<O>> {
  const outcome = deferred<MessageShape<O>>();
  const call = client.makeClientStreamRequest(
    path,
    identity,
    (bytes: Buffer) => fromBinary(method.output, bytes),
    metadata,
    deadline,
    (error, response) => {
      if (error === null && response !== undefined) outcome.resolve(response);
      else void failure(error, false).then(outcome.reject);
    },
  );
  call.on("error", () => undefined);
  const release = onAbort(signal, () => call.cancel());
  outcome.promise.then(release, release);
  return {
    response: outcome.promise,
    write: boundedWriter(call),
    end: () => call.end(),
    cancel: () => call.cancel(),
  };
}

/**
 * Returns a function that writes frames and bounds their queue. After the call has ended, the
 * returned promises may never settle, so the caller must also wait for the response.
 */
function boundedWriter(
  call: ClientWritableStream<Buffer>,
): (frame: EncodedMessage) => Promise<void> {
  let queued = 0;
  let copied = true;
  let resume: (() => void) | undefined;
  const look = (): void => {
    if (!copied || queued >= maxQueuedFrames) return;
    resume?.();
    resume = undefined;
  };
  return (frame) => {
    queued += 1;
    copied = false;
    let target: Buffer | undefined;
    const message = copiedByGrpc(frame, (memory) => {
      target = memory;
      copied = true;
      look();
    });
    call.write(message, () => {
      queued -= 1;
      look();
      if (target !== undefined && target.length > maxRetryBytes) freeSent(call, target);
    });
    return new Promise((resolve) => {
      resume = resolve;
      look();
    });
  };
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * Encodes a message as a Buffer, which grpc-js needs. The Buffer is a view of the encoded bytes and
 * not a copy.
 */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function cancelledBy(method: DescMethod, signal: AbortSignal): StoreError {
  return new StoreError("CALL_CANCELLED", `${method.name} was cancelled`, { cause: signal.reason });
}

function onAbort(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal === undefined) return () => undefined;
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

function deferred<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}
