// Makes spans of OpenTelemetry. Without an SDK (tracing.ts) they record nothing and cost a function
// call.
//
// A span covers a step, never a chunk. Its context follows promises (AsyncLocalStorage), so nested
// steps need no argument for it.
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from "@opentelemetry/api";

type SpanAttributes = Attributes;

/**
 * Returns the tracer. It is looked up for each span, because the global tracer keeps the first SDK
 * that it meets, even after that SDK has ended.
 */
const tracer = () => trace.getTracer("stasis");

/** Runs one step in a span. The span records an error of the step, and the caller receives it. */
export async function inSpan<T>(
  name: string,
  attributes: SpanAttributes,
  work: () => Promise<T> | T,
): Promise<T> {
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Begins the span of a step whose begin and end are in different functions. No other span has it as
 * its parent.
 */
export function startSpan(name: string, attributes: SpanAttributes): { end(): void } {
  const span = tracer().startSpan(name, { attributes });
  return { end: () => span.end() };
}

/** The span of one call that the daemon serves. */
export interface ServerSpan {
  /** Id of the trace. Empty if the call is not traced. */
  readonly traceId: string;
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the span. `code` is a number of google.rpc.Code. */
  end(outcome: { readonly code: number; readonly reason: string; readonly isFault: boolean }): void;
}

const unobserved: ServerSpan = {
  traceId: "",
  run: (work) => work(),
  end: () => undefined,
};

/** Returns the span of a call that is not traced. */
export function noSpan(): ServerSpan {
  return unobserved;
}

/**
 * Begins the span of a call, according to the semantic conventions for RPC. `header` reads the
 * caller's metadata, where `traceparent` may name the parent.
 */
export function serverSpan(
  method: string,
  peer: string,
  header: (name: string) => string | undefined,
): ServerSpan {
  const parent = propagation.extract(ROOT_CONTEXT, header, {
    get: (read, key) => read(key),
    keys: () => ["traceparent", "tracestate"],
  });
  const [service = "", name = ""] = method.split("/");
  const attributes = {
    "rpc.system": "grpc",
    "rpc.service": service,
    "rpc.method": name,
    "network.peer.address": peer,
  };
  const span = tracer().startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  if (!span.isRecording()) return passOn(parent, span);
  const within = trace.setSpan(parent, span);
  return {
    traceId: span.spanContext().traceId,
    run: (work) => context.with(within, work),
    end({ code, reason, isFault }) {
      span.setAttribute("rpc.grpc.status_code", code);
      if (reason !== "") span.setAttribute("stasis.reason", reason);
      if (isFault) span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
      span.end();
    },
  };
}

/**
 * Returns the span of a call that is not sampled. It keeps its caller's trace, for calls to peers
 * and for the log.
 */
function passOn(parent: Context, span: Span): ServerSpan {
  const { traceId } = span.spanContext();
  if (/^0*$/.test(traceId)) return unobserved;
  const within = trace.setSpan(parent, span);
  return { traceId, run: (work) => context.with(within, work), end: () => undefined };
}

/** Calls `set` with the headers that name the active span as the parent of a call to others. */
export function injectTrace(set: (name: string, value: string) => void): void {
  const active = context.active();
  if (trace.getSpanContext(active) === undefined) return;
  propagation.inject(active, set, { set: (write, key, value) => write(key, value) });
}

function fail(span: Span, error: unknown): void {
  if (!span.isRecording()) return;
  const reason = error instanceof Error && "reason" in error ? String(error.reason) : "INTERNAL";
  span.setAttribute("stasis.reason", reason);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}
