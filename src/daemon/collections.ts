// Runs scheduled collections with the policy of the configuration.
import { isStoreError, type ErrorReason } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import type { GcPolicy } from "../model/gc-plan.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import { startSchedule, type Schedule } from "./schedule.js";

/** The part of the store that a collection needs. */
type CollectingStore = Pick<SnapshotStore, "clock" | "collectGarbage">;

/**
 * Starts the schedule of collections. The first collection is due one interval from now, and each
 * further one an interval after the previous one has ended.
 */
export function startCollections(
  store: CollectingStore,
  config: DaemonConfig,
  logger: Logger,
): Schedule | undefined {
  const { gcIntervalMs } = config;
  if (gcIntervalMs === 0) return undefined;
  const policy = policyOf(config);
  return startSchedule(
    () => gcIntervalMs,
    (signal) => collect(store, policy, logger, signal),
  );
}

function policyOf(config: DaemonConfig): GcPolicy {
  const { gcKeepLast, gcMaxAgeMs, gcMaxBytes, gcGroupByLabel } = config;
  return {
    keepLast: gcKeepLast === 0 ? undefined : gcKeepLast,
    maxAgeMs: gcMaxAgeMs === 0 ? undefined : gcMaxAgeMs,
    maxTotalBytes: gcMaxBytes === 0 ? undefined : gcMaxBytes,
    groupByLabel: gcGroupByLabel === "" ? undefined : gcGroupByLabel,
  };
}

/**
 * Reasons that are not faults. CLOCK_SUSPECT means that the clock was set during planning; the next
 * collection ignores ages.
 */
const expected: ReadonlySet<ErrorReason> = new Set(["GC_LOCK_BUSY", "DRAINING", "CLOCK_SUSPECT"]);

/**
 * Returns the policy without ages if they are uncertain because the clock was set. The other
 * criteria still apply. The store's alarm logs this once, so the collections need not log it.
 */
function withoutUncertainAges(store: Pick<CollectingStore, "clock">, policy: GcPolicy): GcPolicy {
  return store.clock().suspect ? { ...policy, maxAgeMs: undefined } : policy;
}

async function collect(
  store: CollectingStore,
  policy: GcPolicy,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const usable = withoutUncertainAges(store, policy);
    const agesIgnored = usable.maxAgeMs !== policy.maxAgeMs;
    const results = await store.collectGarbage({ policy: usable, dryRun: false }, signal);
    const removed = results.filter(({ outcome }) => outcome === "removed");
    const freedBytes = removed.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0);
    const failed = results.filter(({ outcome }) => outcome === "failed").length;
    const ids = removed.map(({ id }) => id);
    const done = { removed: removed.length, failed, freedBytes, ids };
    logger.info({ ...done, ...(agesIgnored && { agesIgnored }) }, "collected garbage");
  } catch (error) {
    if (signal.aborted) return;
    if (isStoreError(error) && expected.has(error.reason)) {
      logger.info({ reason: error.reason }, "skipped a scheduled collection");
    } else {
      logger.error({ err: error }, "a scheduled collection failed");
    }
  }
}
