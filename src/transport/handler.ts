// Defines the interface between a service implementation and the transport: plain functions over
// message shapes.
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Metadata } from "@grpc/grpc-js";
import type { Logger } from "../base/logger.js";
import type { Identity } from "../model/access.js";
import type { OwnedFrame } from "./chunk-encoder.js";

/** Information for a handler about the call that it serves. */
export interface CallContext {
  /**
   * Fires when the caller no longer needs the outcome, or when the call must end. Its reason is a
   * StoreError, which the handler throws. It never fires once the handler has ended.
   * - CALL_CANCELLED: the caller disconnected.
   * - DEADLINE_PASSED: the call's deadline passed, or the caller left the call idle.
   * - DRAINING: a drain's grace period has ended, or a drain starts and the method never ends by
   *   itself, or the server closes.
   * - CREDENTIALS_INVALID, ROLE_INSUFFICIENT: the caller may no longer make the call.
   * - LIMIT_EXCEEDED, TOO_MANY_STREAMS: a message is too large, or the daemon has no room for it.
   */
  readonly signal: AbortSignal;
  /** For example `stasis.v1.SnapshotService/Create`. */
  readonly method: string;
  /**
   * The peer of the connection: the remote address, `:` and the port, or `unix` for a Unix socket.
   * An IPv6 address has no brackets.
   */
  readonly peer: string;
  /** The identity of the caller. */
  readonly identity: Identity;
  /** The metadata that the caller sent. */
  readonly metadata: Metadata;
  /** The time at which the caller stops waiting. Absent if the call has no deadline. */
  readonly deadline?: Date;
  readonly logger: Logger;
}

type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

type ServerStreamingHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => AsyncIterable<MessageInitShape<O> | OwnedFrame>;

/** The handler may stop reading early. Its answer or error reaches a caller that still sends. */
type ClientStreamingHandler<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

type BidiStreamingHandler<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  context: CallContext,
) => AsyncIterable<MessageInitShape<O>>;

type MethodShape = Pick<DescMethod, "input" | "output" | "methodKind">;

type HandlerOf<M extends MethodShape> = M["methodKind"] extends "unary"
  ? UnaryHandler<M["input"], M["output"]>
  : M["methodKind"] extends "server_streaming"
    ? ServerStreamingHandler<M["input"], M["output"]>
    : M["methodKind"] extends "client_streaming"
      ? ClientStreamingHandler<M["input"], M["output"]>
      : BidiStreamingHandler<M["input"], M["output"]>;

/**
 * Handlers by method. The transport answers a missing method with the code UNIMPLEMENTED and the
 * reason NOT_IMPLEMENTED.
 */
export type ServiceImplementation<S extends DescService> = {
  readonly [K in keyof S["method"]]?: HandlerOf<S["method"][K]>;
};

/** Lists methods that the transport treats specially. */
export interface MethodTraits<Name> {
  /** Methods with bulk data. They count against `maxStreams` and end when they are idle. */
  readonly byteStreams?: readonly Name[];
  /** Methods that never end by themselves. Their signals fire as soon as a drain starts. */
  readonly endsOnDrain?: readonly Name[];
  /** Methods that are answered while draining too. */
  readonly servesWhileDraining?: readonly Name[];
}

/**
 * A service with its implementation. The types of the handlers are erased, because
 * `createGrpcServer` takes any services.
 */
export interface ServiceBinding {
  readonly service: DescService;
  readonly methods: readonly MethodBinding[];
}

export interface MethodBinding {
  readonly descriptor: DescMethod;
  /** For example `stasis.v1.SnapshotService/Create`. */
  readonly name: string;
  readonly handler: ErasedHandler | undefined;
  readonly byteStream: boolean;
  readonly endsOnDrain: boolean;
  readonly servesWhileDraining: boolean;
}

/** One of the four handler types. `descriptor.methodKind` says which one. */
export type ErasedHandler = (request: unknown, context: CallContext) => unknown;

/**
 * Binds a service that shows less to identities with a name prefix. `confined` is called for each
 * of their calls. The table of roles refuses the methods that the result of `confined` leaves out.
 */
export function bindConfinedService<S extends DescService>(
  service: S,
  whole: ServiceImplementation<S>,
  confined: (namePrefix: string) => ServiceImplementation<S>,
  traits: MethodTraits<keyof S["method"]> = {},
): ServiceBinding {
  const handlers = Object.entries(whole).map(([key, handler]) => {
    const chosen: ErasedHandler = (request, context) => {
      const { namePrefix } = context.identity;
      if (namePrefix === "") return (handler as ErasedHandler)(request, context);
      const own = confined(namePrefix)[key as keyof S["method"]] as ErasedHandler | undefined;
      if (own !== undefined) return own(request, context);
      // The table of roles should have refused this call. If it did not, that is our bug, and the
      // call must still be refused.
      throw new Error(`callers that are confined to a name prefix may not call ${key}`);
    };
    return [key, chosen];
  });
  return bindService(service, Object.fromEntries(handlers) as ServiceImplementation<S>, traits);
}

export function bindService<S extends DescService>(
  service: S,
  implementation: ServiceImplementation<S>,
  traits: MethodTraits<keyof S["method"]> = {},
): ServiceBinding {
  const methods = service.methods.map((descriptor) => {
    const key: keyof S["method"] = descriptor.localName;
    return {
      descriptor,
      name: `${service.typeName}/${descriptor.name}`,
      // The mapped type has checked each handler against its method's kind and messages.
      handler: implementation[key] as ErasedHandler | undefined,
      byteStream: traits.byteStreams?.includes(key) ?? false,
      endsOnDrain: traits.endsOnDrain?.includes(key) ?? false,
      servesWhileDraining: traits.servesWhileDraining?.includes(key) ?? false,
    };
  });
  return { service, methods };
}
