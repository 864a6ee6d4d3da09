// The one wrapper around all handlers: takes calls from grpc-js, runs the handler over them and ends
// each with exactly one status. Nothing that a handler throws gets past it.
import {
  ServerInterceptingCall,
  type Server,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { StoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { Admission, Admitted } from "./admission.js";
import type { EncodedMessage } from "./chunk-encoder.js";
import { openCall, type Call } from "./call.js";
import { createDecoder, createEncoder, type Decoder, type Encoder } from "./codec.js";
import type { CallContext, ErasedHandler, MethodBinding, ServiceBinding } from "./handler.js";
import { okStatus, toCallError, wireStatus } from "./status.js";

export interface AdapterOptions {
  readonly admission: Admission;
  readonly logger: Logger;
  /** How long the single request of a call may take to arrive. */
  readonly requestTimeoutMs: number;
  /** How long a byte stream may lie without its caller sending or reading. */
  readonly streamIdleMs: number;
}

interface Target {
  readonly method: MethodBinding;
  readonly decode: Decoder;
  readonly encode: Encoder;
}

interface Adapter {
  readonly interceptor: ServerInterceptor;
  register(server: Server): void;
}

const grpcKinds = {
  unary: "unary",
  client_streaming: "clientStream",
  server_streaming: "serverStream",
  bidi_streaming: "bidi",
} as const;

/** A server that runs `interceptor` as its last one must have had `register` called. */
export function createAdapter(
  bindings: readonly ServiceBinding[],
  options: AdapterOptions,
): Adapter {
  const targets = new Map<string, Target>();
  for (const method of bindings.flatMap((binding) => binding.methods)) {
    const { input, output } = method.descriptor;
    targets.set(`/${method.name}`, {
      method,
      decode: createDecoder(input),
      encode: createEncoder(output),
    });
  }
  return {
    interceptor(definition, raw) {
      const target = targets.get(definition.path);
      if (target === undefined) return new ServerInterceptingCall(raw);
      void serve(target, raw, options);
      // The call belongs to `serve` now: what grpc-js would run on it never starts.
      return new ServerInterceptingCall(raw, { start: () => undefined });
    },
    register(server) {
      // Messages are decoded and encoded in `run`, where a failure becomes a proper status.
      const pass = (bytes: Buffer): Buffer => bytes;
      for (const [path, { method }] of targets) {
        server.register(path, neverCalled, pass, pass, grpcKinds[method.descriptor.methodKind]);
      }
    },
  };
}

function neverCalled(): void {
  throw new Error("the interceptor takes all calls");
}

/** Never rejects. */
async function serve(
  target: Target,
  raw: ServerInterceptingCallInterface,
  options: AdapterOptions,
): Promise<void> {
  const { method } = target;
  const { logger } = options;
  const call = openCall(raw);
  let admitted: Admitted | undefined;
  try {
    admitted = options.admission.enter(method, call.abort);
    const last = await run(target, call, contextOf(method, call, raw, logger), admitted, options);
    call.finish(okStatus, last);
  } catch (error) {
    const failure = toCallError(error, { method: method.name, signal: call.signal, logger });
    logger.debug({ method: method.name, reason: failure.reason }, failure.message);
    call.finish(wireStatus(failure));
  } finally {
    admitted?.leave();
  }
}

function contextOf(
  method: MethodBinding,
  call: Call,
  raw: ServerInterceptingCallInterface,
  logger: Logger,
): CallContext {
  const peer = raw.getPeer();
  return {
    signal: call.signal,
    method: method.name,
    peer: peer === "unknown" ? "unix" : peer,
    metadata: call.metadata,
    ...(call.deadline === undefined ? {} : { deadline: call.deadline }),
    logger: logger.child({ method: method.name }),
  };
}

/** Returns the single response of a call that has one. */
async function run(
  target: Target,
  call: Call,
  context: CallContext,
  admitted: Admitted,
  options: AdapterOptions,
): Promise<EncodedMessage | undefined> {
  const { method } = target;
  const { handler } = method;
  if (handler === undefined) throw notImplemented(method);
  const kind = method.descriptor.methodKind;
  const idleMs = method.byteStream ? options.streamIdleMs : 0;
  let request: unknown;
  if (kind === "unary" || kind === "server_streaming") {
    call.setIdleTimeout(options.requestTimeoutMs);
    request = await receiveOne(target, call);
    admitted.requestArrived();
    call.setIdleTimeout(idleMs);
  } else {
    call.setIdleTimeout(idleMs);
    request = receiveAll(target, call);
  }
  return answer(target, call, handler, request, context);
}

async function answer(
  target: Target,
  call: Call,
  handler: ErasedHandler,
  request: unknown,
  context: CallContext,
): Promise<EncodedMessage | undefined> {
  const kind = target.method.descriptor.methodKind;
  // ServiceImplementation has tied the handler's type to its method's kind.
  if (kind === "unary" || kind === "client_streaming") {
    return target.encode(await handler(request, context));
  }
  for await (const message of handler(request, context) as AsyncIterable<unknown>) {
    await call.send(target.encode(message));
  }
  return undefined;
}

async function receiveOne(target: Target, call: Call): Promise<unknown> {
  const first = await call.receive();
  const second = first === undefined ? undefined : await call.receive();
  if (first === undefined || second !== undefined) {
    const found = first === undefined ? "none" : "several";
    throw new StoreError(
      "FIELD_INVALID",
      `request: ${target.method.name} expects one message, got ${found}`,
    );
  }
  return target.decode(first);
}

async function* receiveAll(target: Target, call: Call): AsyncGenerator<unknown> {
  for (;;) {
    const bytes = await call.receive();
    if (bytes === undefined) return;
    yield target.decode(bytes);
  }
}

function notImplemented(method: MethodBinding): StoreError {
  return new StoreError("NOT_IMPLEMENTED", `This daemon does not have ${method.name} yet`, {
    hint: "Use a newer daemon",
    metadata: { method: method.name },
  });
}
