// Runs handlers of services without gRPC, for answers in protobuf's JSON mapping. The role table
// decides about these calls as it does about calls over gRPC.
import { create, toJson, type JsonValue } from "@bufbuild/protobuf";
import { Metadata } from "@grpc/grpc-js";
import type { Logger } from "../base/logger.js";
import { seesPaths, type Identity } from "../model/access.js";
import type { Conceal } from "./auth/conceal.js";
import { checkRole, ruleOf } from "./auth/role-table.js";
import type { CallContext, ErasedHandler, MethodBinding, ServiceBinding } from "./handler.js";

/** The caller of a local call. */
export interface LocalCaller {
  readonly identity: Identity;
  readonly signal: AbortSignal;
  /**
   * The peer of the connection: the remote address, `:` and the port, or `unix` for a Unix socket.
   * An IPv6 address has no brackets.
   */
  readonly peer: string;
}

/** A message as a handler takes or returns it. Fields that are left out have default values. */
export type LocalMessage = Readonly<Record<string, unknown>>;

export interface LocalCalls {
  /** Calls a method that has one answer. Throws ROLE_INSUFFICIENT, and any error of the handler. */
  unary(
    method: string,
    request: LocalMessage,
    caller: LocalCaller,
    /** Changes the answer before it becomes JSON, for example to shorten it. */
    edit?: (answer: LocalMessage) => LocalMessage,
  ): Promise<JsonValue>;
  /** Calls a method that streams its answers, and throws the same errors. */
  stream(method: string, request: LocalMessage, caller: LocalCaller): AsyncIterable<JsonValue>;
}

/** Creates the calls. `conceal` is used for callers that may not see paths of the node. */
export function createLocalCalls(
  bindings: readonly ServiceBinding[],
  conceal: Conceal,
  logger: Logger,
): LocalCalls {
  const methods = new Map(
    bindings.flatMap((binding) => binding.methods).map((method) => [method.name, method]),
  );
  const prepare = (name: string, init: LocalMessage, { identity, signal, peer }: LocalCaller) => {
    const method = methods.get(name);
    if (method?.handler === undefined) throw new Error(`there is no handler of ${name}`);
    checkRole(ruleOf(name), identity, name);
    const context: CallContext = {
      ...{ signal, method: name, peer, identity, metadata: new Metadata() },
      logger: logger.child({ method: name }),
    };
    const request = create(method.descriptor.input, init);
    const answer = (method.handler satisfies ErasedHandler)(request, context);
    const shown = (message: unknown): unknown =>
      seesPaths(identity) ? message : conceal.message(message);
    return { answer, encode: (message: unknown) => encode(method, shown(message)) };
  };
  return {
    async unary(name, request, caller, edit = (answer) => answer) {
      const { answer, encode } = prepare(name, request, caller);
      return encode(edit((await answer) as LocalMessage));
    },
    async *stream(name, request, caller) {
      const { answer, encode } = prepare(name, request, caller);
      for await (const message of answer as AsyncIterable<unknown>) yield encode(message);
    },
  };
}

/**
 * Returns the message as JSON. The JSON includes fields with default values; 64-bit integers are
 * strings.
 */
function encode({ descriptor }: MethodBinding, message: unknown): JsonValue {
  const { output } = descriptor;
  return toJson(output, create(output, message as LocalMessage), { alwaysEmitImplicit: true });
}
