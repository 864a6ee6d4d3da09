// Sends spans to a collector. The SDK and its exporter are packages that an operator installs only
// for traces, so this file loads them when an option asks for them.
import { hostname } from "node:os";
import { context, diag, DiagLogLevel, propagation, trace, type Context } from "@opentelemetry/api";
import { buildInfo } from "../base/build-info.js";
import { StoreError, fieldInvalid } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { createRateLimiter } from "../base/rate-limiter.js";

interface TracingOptions {
  /**
   * Base URL of the collector, such as `http://127.0.0.1:4318`. Empty means the URL in the
   * environment.
   */
  readonly endpoint: string;
  readonly logger: Logger;
}

const packages = [
  "@opentelemetry/sdk-trace-node@2",
  "@opentelemetry/resources@2",
  "@opentelemetry/exporter-trace-otlp-proto@0.223",
].join(" ");
/** Maximum number of failures of the exporter in the log per second. */
const maxFailuresPerSecond = 1;
/**
 * Part of the frequent calls that is recorded. A span costs about an eighth of an Inspect's CPU
 * time (`npm run lab -- bench-variants`), so this adds one to two percent.
 */
const frequentRatio = 1 / 16;

/** Short reads, of which an orchestrator may send thousands per second. */
const frequent: ReadonlySet<string> = new Set(
  ["Inspect", "List", "ReadFile"].map((name) => `stasis.v1.SnapshotService/${name}`),
);
/** Longest time by which a collector that does not answer delays the end of the daemon. */
const flushMs = 2000;

/** The provider, which exists once per process: daemons in the same process share it. */
let shared: { users: number; readonly end: Promise<() => Promise<void>> } | undefined;

/** Returns whether options or environment ask for traces. */
export function wantsTraces(endpoint: string, environment: NodeJS.ProcessEnv): boolean {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } =
    environment;
  return [endpoint, all, traces].some((each) => each !== undefined && each !== "");
}

/**
 * Starts tracing. Throws FIELD_INVALID if the packages are missing or the endpoint is not a valid
 * URL. Disposing of the result sends the remaining spans.
 */
export async function startTracing(options: TracingOptions): Promise<AsyncDisposable> {
  const own = (shared ??= { users: 0, end: start(options) });
  own.users += 1;
  const leave = async (): Promise<void> => {
    own.users -= 1;
    if (own.users > 0) return;
    if (shared === own) shared = undefined;
    await (
      await own.end
    )();
  };
  try {
    await own.end;
  } catch (error) {
    if (shared === own) shared = undefined;
    throw error;
  }
  return { [Symbol.asyncDispose]: leave };
}

async function start({ endpoint, logger }: TracingOptions): Promise<() => Promise<void>> {
  const url = endpoint === "" ? {} : { url: `${checked(endpoint)}/v1/traces` };
  const { sdk, exporter, resources } = await load();
  logFailures(logger);
  const provider = new sdk.NodeTracerProvider({
    resource: describe(resources),
    // If the variable is set, the SDK makes the sampler that it names.
    ...(process.env["OTEL_TRACES_SAMPLER"] === undefined && { sampler: createSampler(sdk) }),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter(url))],
  });
  provider.register();
  return async () => {
    await Promise.race([
      provider.shutdown().catch((error: unknown) => {
        logger.warn({ err: error }, "the last spans could not be sent");
      }),
      new Promise((resolve) => setTimeout(resolve, flushMs).unref()),
    ]);
    trace.disable();
    context.disable();
    propagation.disable();
    diag.disable();
  };
}

async function load() {
  try {
    const sdk = await import("@opentelemetry/sdk-trace-node");
    const exporter = await import("@opentelemetry/exporter-trace-otlp-proto");
    const resources = await import("@opentelemetry/resources");
    return { sdk, exporter, resources };
  } catch (cause) {
    throw new StoreError(
      "FIELD_INVALID",
      "otlp_endpoint: the packages that send traces are not installed",
      { hint: `Install them beside stasis: npm install ${packages}`, cause },
    );
  }
}

/** Describes the process. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME take precedence. */
function describe({
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
}: Awaited<ReturnType<typeof load>>["resources"]) {
  const own = {
    "service.name": "stasis",
    "service.version": buildInfo().version,
    "host.name": hostname(),
  };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}

function checked(endpoint: string): string {
  if (/^https?:\/\/[^/]+/.test(endpoint) && URL.canParse(endpoint)) {
    return endpoint.replace(/\/+$/, "");
  }
  throw fieldInvalid(
    "otlp_endpoint",
    "the URL of a collector that takes OTLP over HTTP",
    endpoint,
    "For example http://127.0.0.1:4318",
  );
}

function logFailures(logger: Logger): void {
  const limiter = createRateLimiter(maxFailuresPerSecond);
  const warn = (message: string, ...rest: unknown[]): void => {
    const leftOut = limiter.take();
    if (leftOut === undefined) return;
    const text = [message, ...rest].map(String).join(" ").slice(0, 512);
    logger.warn({ otel: text, leftOut }, "traces could not be sent");
  };
  const ignore = (): void => undefined;
  const log = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(log, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

type Sdk = Awaited<ReturnType<typeof load>>["sdk"];
type RatioSampler = InstanceType<Sdk["TraceIdRatioBasedSampler"]>;

/**
 * Follows the caller's `traceparent`. A call without one is recorded, unless it is a short read
 * that `frequentRatio` leaves out.
 */
function createSampler(sdk: Sdk) {
  return new sdk.ParentBasedSampler({
    root: new FrequentSampler(new sdk.TraceIdRatioBasedSampler(frequentRatio)),
  });
}

/** Implements `Sampler` of the SDK. */
class FrequentSampler {
  readonly #some: RatioSampler;

  constructor(some: RatioSampler) {
    this.#some = some;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
  ): ReturnType<RatioSampler["shouldSample"]> {
    if (!frequent.has(name)) return { decision: recordAndSampled };
    return this.#some.shouldSample(context, traceId);
  }

  toString(): string {
    return `FrequentSampler{${this.#some.toString()}}`;
  }
}

/** SamplingDecision.RECORD_AND_SAMPLED of the SDK, which is loaded only for traces. */
const recordAndSampled = 2;
