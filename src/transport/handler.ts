// What a service implementation looks like to the transport: plain functions over message shapes.
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

/** What a handler knows of the call that it serves. */
export interface CallContext {
  /**
   * Fires when the outcome no longer matters to the caller or must not take longer: the caller is
   * gone (reason CALL_CANCELLED), its deadline passed or it let the call lie idle
   * (DEADLINE_PASSED), or a drain's grace period is over (DRAINING). The signal's reason is a
   * StoreError: throw it. Never fires once the handler has ended.
   */
  readonly signal: AbortSignal;
  /** For example `stasis.v1.SnapshotService/Create`. */
  readonly method: string;
  /** `host:port`, or `unix` for a Unix socket. */
  readonly peer: string;
  /** Whom it is made for. */
  readonly identity: Identity;
  /** What the caller sent along. */
  readonly metadata: Metadata;
  /** When the caller stops waiting, if it said so. */
  readonly deadline?: Date;
  readonly logger: Logger;
}

export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

export type ServerStreamingHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => AsyncIterable<MessageInitShape<O> | OwnedFrame>;

/** The handler may stop reading early: its answer or error reaches a caller that still sends. */
export type ClientStreamingHandler<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

export type BidiStreamingHandler<I extends DescMessage, O extends DescMessage> = (
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

/** Handlers by method; one that is left out answers UNIMPLEMENTED with NOT_IMPLEMENTED. */
export type ServiceImplementation<S extends DescService> = {
  readonly [K in keyof S["method"]]?: HandlerOf<S["method"][K]>;
};

/** How the transport treats some methods of a service. */
export interface MethodTraits<Name> {
  /** Move bulk data: counted against `maxStreams`, ended when they lie idle. */
  readonly byteStreams?: readonly Name[];
  /** Never end by themselves: their signals fire as soon as a drain starts. */
  readonly endsOnDrain?: readonly Name[];
  /** Are answered while draining too. */
  readonly servesWhileDraining?: readonly Name[];
}

/** A service with its implementation, its types erased: what `createGrpcServer` takes. */
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

/** One of the four handler types; which one says `descriptor.methodKind`. */
export type ErasedHandler = (request: unknown, context: CallContext) => unknown;

/**
 * For services that identities with a prefix see less of: `confined` is asked with each of their
 * calls. What it leaves out is refused to them by the table of roles.
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
      // The table of roles comes before: a fault of ours, which must not open a door.
      throw new Error(`${key} is not for callers with a prefix`);
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
