// Starts tracing if the options or the environment request it.
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { startTracing, wantsTraces } from "../observe/tracing.js";

/**
 * Starts tracing and returns the handle that ends it. Throws FIELD_INVALID if packages are missing
 * or the endpoint is not a valid URL.
 */
export async function openTracing(
  { otlpEndpoint }: DaemonConfig,
  logger: Logger,
): Promise<() => Promise<void>> {
  if (!wantsTraces(otlpEndpoint, process.env)) return () => Promise.resolve();
  const tracing = await startTracing({ endpoint: otlpEndpoint, logger });
  return async () => tracing[Symbol.asyncDispose]();
}
