// Wraps all handlers. The adapter takes calls from grpc-js, runs the handler and ends each call
// with exactly one status. No error of a handler escapes it.
import {
  ServerInterceptingCall,
  type Server,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import type { EncodedMessage } from "../wire/bytes-field.js";
import { StoreError, isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { seesPaths, type Identity } from "../model/access.js";
import { takesOneRequest, type Admission, type Admitted } from "./admission.js";
import { noSpan, type ServerSpan } from "../observe/spans.js";
import type { AnswerBytes } from "./answer-bytes.js";
import type { Arrivals } from "./arrivals.js";
import type { Access } from "./auth/access.js";
import type { Conceal } from "./auth/conceal.js";
import type { Connections } from "./auth/connections.js";
import type { Rechecks } from "./auth/rechecks.js";
import { checkRole, ruleOf, type MethodRule } from "./auth/role-table.js";
import { callerGone, openCall, type Call } from "./call.js";
import type { CallRecord, CallRecords } from "./call-records.js";
import type { Caller } from "./callers.js";
import { createDecoder, createEncoder, type Decoder, type Encoder } from "./codec.js";
import type { CallContext, ErasedHandler, MethodBinding, ServiceBinding } from "./handler.js";
import type { Attachments } from "./grpc-hooks/attachments.js";
import { interceptBareRefusals } from "./grpc-hooks/bare-refusals.js";
import { markOf } from "./grpc-hooks/call-mark.js";
import { confirmOpen } from "./grpc-hooks/confirm-open.js";
import { detachCall, neverCalled } from "./grpc-hooks/detached-call.js";
import { assembleMessages } from "./grpc-hooks/message-assembler.js";
import type { UnreadAnswers } from "./grpc-hooks/unread-answers.js";
import type { Refusals } from "./refusals.js";
import type { SendScheduler } from "./send-scheduler.js";
import type { RequestAccount } from "./request-bytes.js";
import { tooMany } from "./semaphore.js";
import { detailsKey } from "../wire/status-details.js";
import { okStatus, toCallError, wireStatus } from "./status.js";

interface AdapterOptions {
  readonly admission: Admission;
  readonly logger: Logger;
  readonly access: Access;
  readonly connections: Connections;
  readonly arrivals: Arrivals;
  readonly answers: AnswerBytes;
  readonly attachments: Attachments;
  readonly unread: UnreadAnswers;
  readonly rechecks: Rechecks;
  readonly records: CallRecords;
  /** Used for callers that may not see paths of the node. */
  readonly conceal: Conceal;
  readonly refusals: Refusals;
  /**
   * Longest time in which the single request of a call, or the first message of a stream, must
   * arrive.
   */
  readonly requestTimeoutMs: number;
  /** Schedules the large messages of all calls. */
  readonly scheduler: SendScheduler;
  /** Longest time for which a byte stream stays open while its caller neither sends nor reads. */
  readonly streamIdleMs: number;
}

interface BoundMethod {
  readonly method: MethodBinding;
  readonly rule: MethodRule;
  readonly decode: Decoder;
  readonly encode: Encoder;
}

interface Adapter {
  readonly interceptor: ServerInterceptor;
  /**
   * Returns the reason to refuse a call before its handler runs. The reason depends on the caller
   * and the running calls. The metrics and the logs already have the refusal, so the caller of this
   * function must answer with it.
   */
  refusalOf(path: string, caller: Caller, peer: string): StoreError | undefined;
  /** Returns whether a call at this path has exactly one request. */
  keepsRequest(path: string): boolean;
  register(server: Server): void;
}

/** Maximum size of a request to a method that is open to anyone: it has little more than a name. */
const maxOpenMessageBytes = 16 * 1024;

const grpcKinds = {
  unary: "unary",
  client_streaming: "clientStream",
  server_streaming: "serverStream",
  bidi_streaming: "bidi",
} as const;

/** Creates the adapter. Pass the server whose last interceptor is `interceptor` to `register`. */
export function createAdapter(
  bindings: readonly ServiceBinding[],
  options: AdapterOptions,
): Adapter {
  const targets = new Map<string, BoundMethod>();
  for (const method of bindings.flatMap((binding) => binding.methods)) {
    const { input, output } = method.descriptor;
    targets.set(`/${method.name}`, {
      method,
      rule: ruleOf(method.name),
      decode: createDecoder(input),
      encode: createEncoder(output),
    });
  }
  return {
    interceptor(definition, raw) {
      const target = targets.get(definition.path);
      if (target === undefined) return new ServerInterceptingCall(raw);
      if (!assembles(target, raw)) options.attachments.missing("message-assembler");
      void serve(target, raw, options);
      return detachCall(raw);
    },
    refusalOf(path, caller, peer) {
      const target = targets.get(path);
      // grpc-js itself answers a call to an unknown method.
      if (target === undefined) return undefined;
      const { rule, method } = target;
      const { identity } = caller;
      const { admission, records, logger } = options;
      const open = rule.roles === "anyone";
      const error = (open ? undefined : caller.refusal) ?? admission.refusalOf(method, identity);
      if (error === undefined) return undefined;
      logger.debug({ method: method.name, reason: error.reason }, error.message);
      records.refused(rule, { method: method.name, peer }, identity, error);
      return error;
    },
    keepsRequest(path) {
      const method = targets.get(path)?.method;
      return method !== undefined && takesOneRequest(method);
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

/**
 * Gives byte streams, and methods that are open to anyone, our message assembler. Returns false if
 * that failed.
 */
function assembles({ method, rule }: BoundMethod, raw: ServerInterceptingCallInterface): boolean {
  if (method.byteStream) return assembleMessages(raw);
  return rule.roles !== "anyone" || assembleMessages(raw, maxOpenMessageBytes);
}

/** Serves one call. Never rejects. */
async function serve(
  target: BoundMethod,
  raw: ServerInterceptingCallInterface,
  options: AdapterOptions,
): Promise<void> {
  const { method, rule } = target;
  const peer = peerOf(raw);
  const record = options.records.begin(rule, method.name, peer);
  const call = openCall(raw, options.scheduler, record.traffic);
  // A message that is too large ends the call like any other failure: its effects are undone.
  interceptBareRefusals(raw, detailsKey, (details) => call.abort(messageTooLarge(details)));
  let { logger } = options;
  let admitted: Admitted | undefined;
  let forget: (() => void) | undefined;
  const arrival = options.arrivals.of(call.metadata);
  if (markOf(call.metadata) === undefined) options.attachments.missing("call-mark");
  const identity = arrival?.caller.identity;
  try {
    // Without an arrival, the stream of the call has closed, or call-mark.ts did not attach.
    if (arrival === undefined) throw callerGone(call.deadline);
    const before = identity ?? stranger;
    record.caller(before);
    checkCaller(rule, arrival.caller, method.name);
    admitted = options.admission.enter(method, call.abort, identity);
    arrival.request.refuseBy((exceeded) => call.abort(tooMany(exceeded)));
    call.freeWritten(arrival.stream);
    if (method.byteStream) arrival.request.isBulk();
    else call.countAnswers(options.answers.open(identity));
    forget = options.rechecks.add(() => recheck(target, call, before, options));
    const span = beginSpan(target, call, record);
    if (span.traceId !== "") logger = logger.child({ traceId: span.traceId });
    const context = contextOf(method, call, peer, before, logger);
    const serving = { admitted, record, request: arrival.request };
    const last = await span.run(() => run(target, call, context, serving, options));
    call.finish(okStatus, last);
    record.end();
  } catch (error) {
    const failure = toCallError(error, { method: method.name, signal: call.signal, logger });
    logger.debug({ method: method.name, reason: failure.reason }, failure.message);
    record.end(failure);
    if (admitted === undefined && failure.reason === "TOO_MANY_STREAMS") {
      await options.refusals.delay(identity, call.signal);
    }
    const sees = identity !== undefined && seesPaths(identity);
    call.finish(wireStatus(sees ? failure : options.conceal.error(failure)));
  } finally {
    forget?.();
    admitted?.leave();
    if (arrival !== undefined) options.unread.answered(arrival.stream);
  }
}

/**
 * Begins the span of a call. Calls of methods that are open to anyone get no span. Otherwise,
 * anybody could make the daemon record and send spans.
 */
function beginSpan({ rule }: BoundMethod, { metadata }: Call, record: CallRecord): ServerSpan {
  if (rule.roles === "anyone") return noSpan();
  return record.trace((name) => {
    const [value] = metadata.get(name);
    return typeof value === "string" ? value : undefined;
  });
}

/**
 * Ends a running call if the caller's credentials or role no longer allow it, or if the caller's
 * name prefix has changed.
 */
function recheck(
  { rule, method }: BoundMethod,
  call: Call,
  before: Identity,
  options: AdapterOptions,
) {
  if (rule.roles === "anyone") return;
  try {
    const { access, connections } = options;
    const now = access.identify(connections.ofMark(markOf(call.metadata)), call.metadata);
    checkRole(rule, now, method.name);
    if (now.namePrefix !== before.namePrefix) throw confinedSince(now);
  } catch (error) {
    if (isStoreError(error)) call.abort(error);
    else options.logger.error({ err: error }, "a running call could not be checked again");
  }
}

function confinedSince({ name }: Identity): StoreError {
  return new StoreError(
    "CREDENTIALS_INVALID",
    `${name} is confined otherwise since this call began`,
    {
      hint: "Call again",
    },
  );
}

const stranger: Identity = { name: "", role: "reader", namePrefix: "" };

/** Throws CREDENTIALS_INVALID or ROLE_INSUFFICIENT if the method does not admit the caller. */
function checkCaller(rule: MethodRule, caller: Caller, method: string): void {
  if (rule.roles === "anyone") return;
  // The gate has refused streams without an identity. This check stops any that got through.
  if (caller.identity === undefined) throw caller.refusal ?? new Error("a caller without identity");
  checkRole(rule, caller.identity, method);
}

function messageTooLarge(details: string): StoreError {
  return new StoreError("LIMIT_EXCEEDED", details, {
    hint: "Send smaller messages: SystemService.GetInfo says how large they may be",
    metadata: { limit: "max_message_bytes" },
  });
}

function peerOf(raw: ServerInterceptingCallInterface): string {
  const peer = raw.getPeer();
  return peer === "unknown" ? "unix" : peer;
}

function contextOf(
  method: MethodBinding,
  call: Call,
  peer: string,
  identity: Identity,
  logger: Logger,
): CallContext {
  return {
    signal: call.signal,
    method: method.name,
    peer,
    identity,
    metadata: call.metadata,
    ...(call.deadline === undefined ? {} : { deadline: call.deadline }),
    logger: logger.child({ method: method.name }),
  };
}

/** State of an admitted call. */
interface Serving {
  readonly admitted: Admitted;
  readonly record: CallRecord;
  readonly request: RequestAccount;
}

/** Runs the handler of a call. Returns the response, or undefined if it has sent a stream. */
async function run(
  target: BoundMethod,
  call: Call,
  context: CallContext,
  serving: Serving,
  options: AdapterOptions,
): Promise<EncodedMessage | undefined> {
  const { method } = target;
  const { admitted, record } = serving;
  const { handler } = method;
  if (handler === undefined) throw notImplemented(method);
  const idleMs = method.byteStream ? options.streamIdleMs : 0;
  let request: unknown;
  if (takesOneRequest(method)) {
    call.setIdleTimeout(options.requestTimeoutMs);
    request = await receiveOne(target, call, serving.request);
    admitted.requestArrived();
    record.request(request);
    call.setIdleTimeout(idleMs);
  } else {
    // The first message of a stream has the same time limit as a single request.
    call.setIdleTimeout(Math.min(options.requestTimeoutMs, idleMs || options.requestTimeoutMs));
    request = receiveAll(target, call, serving, idleMs);
  }
  const encode: Encoder = seesPaths(context.identity)
    ? target.encode
    : (message) => target.encode(options.conceal.message(message));
  return answer({ ...target, encode }, call, handler, request, context, record);
}

async function answer(
  target: BoundMethod,
  call: Call,
  handler: ErasedHandler,
  request: unknown,
  context: CallContext,
  record: CallRecord,
): Promise<EncodedMessage | undefined> {
  const kind = target.method.descriptor.methodKind;
  // ServiceImplementation ties the handler's type to the kind of its method.
  if (kind === "unary" || kind === "client_streaming") {
    const response = await handler(request, context);
    record.response(response);
    return target.encode(response);
  }
  for await (const message of handler(request, context) as AsyncIterable<unknown>) {
    await call.send(target.encode(message));
  }
  return undefined;
}

async function receiveOne(
  target: BoundMethod,
  call: Call,
  account: RequestAccount,
): Promise<unknown> {
  const first = await call.receive();
  if (first !== undefined) account.message(first.length);
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

async function* receiveAll(
  target: BoundMethod,
  call: Call,
  { record, request }: Serving,
  idleMs: number,
): AsyncGenerator<unknown> {
  for (let first = true; ; first = false) {
    const bytes = await call.receive();
    if (bytes === undefined) return;
    if (first) {
      call.setIdleTimeout(idleMs);
      // A client that opens and resets streams must not make the store begin thousands of uploads.
      await confirmOpen(call.signal);
    }
    const message = target.decode(bytes);
    if (first) record.request(message);
    yield message;
    if (!target.method.byteStream) request.release();
  }
}

function notImplemented(method: MethodBinding): StoreError {
  return new StoreError("NOT_IMPLEMENTED", `This daemon does not have ${method.name} yet`, {
    hint: "Use a newer daemon",
    metadata: { method: method.name },
  });
}
