// Collections on a schedule, by the policy of the configuration.
import { isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import type { GcPolicy } from "../model/gc-plan.js";
import type { SnapshotStore } from "../snapshot/store.js";

/** One at a time; the first is due an interval from now. Disposing waits for the one that runs. */
export function startCollections(
  store: SnapshotStore,
  config: DaemonConfig,
  logger: Logger,
): AsyncDisposable {
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  const policy = policyOf(config);
  const begin = (): void => {
    running ??= collect(store, policy, logger, ending.signal).finally(() => (running = undefined));
  };
  const timers: NodeJS.Timeout[] = [];
  if (config.gcIntervalMs > 0) {
    const waitNext = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, maxTimerMs);
      const timer = setTimeout(() => {
        if (leftMs <= stepMs) begin();
        waitNext(leftMs > stepMs ? leftMs - stepMs : config.gcIntervalMs);
      }, stepMs);
      timer.unref();
      timers[0] = timer;
    };
    waitNext(config.gcIntervalMs);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer);
      ending.abort(new Error("the daemon stops"));
      await running;
    },
  };
}

/** A longer timer would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

function policyOf(config: DaemonConfig): GcPolicy {
  const { gcKeepLast, gcMaxAgeMs, gcMaxBytes, gcGroupByLabel } = config;
  return {
    keepLast: gcKeepLast === 0 ? undefined : gcKeepLast,
    maxAgeMs: gcMaxAgeMs === 0 ? undefined : gcMaxAgeMs,
    maxTotalBytes: gcMaxBytes === 0 ? undefined : gcMaxBytes,
    groupByLabel: gcGroupByLabel === "" ? undefined : gcGroupByLabel,
  };
}

async function collect(
  store: SnapshotStore,
  policy: GcPolicy,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const results = await store.collectGarbage({ policy, dryRun: false }, signal);
    const removed = results.filter(({ outcome }) => outcome === "removed");
    const freedBytes = removed.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
    const failed = results.filter(({ outcome }) => outcome === "failed").length;
    const ids = removed.map(({ id }) => id);
    logger.info({ removed: removed.length, failed, freedBytes, ids }, "collected garbage");
  } catch (error) {
    if (signal.aborted) return;
    if (isStoreError(error, "GC_LOCK_BUSY") || isStoreError(error, "DRAINING")) {
      logger.info({ reason: error.reason }, "no collection this time: it is not the moment");
    } else {
      logger.error({ err: error }, "a scheduled collection failed");
    }
  }
}
