// Connects the metrics to their sources.
import type { DaemonConfig } from "../config/daemon-options.js";
import type { ConditionFigures, ScrubFigures } from "../observe/figures.js";
import { createMetrics, type Metrics } from "../observe/metrics.js";
import {
  unobservedAutoPushes,
  unobservedCalls,
  unobservedPulls,
  unobservedRemotes,
  unobservedRemoteWork,
  unobservedStore,
} from "../observe/ports.js";
import type { AutoPushes } from "../replication/auto-pushes.js";
import type { Replicator } from "../replication/replicator.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import { roleTable } from "../transport/auth/role-table.js";
import type { GrpcServer } from "../transport/server.js";

/**
 * A variable for benchmarks that switches all counting off, so that daemons with and without
 * metrics can be compared.
 */
const unobservedEnv = "STASIS_BENCH_UNOBSERVED";

export function openMetrics(environment: NodeJS.ProcessEnv = process.env): Metrics {
  const metrics = createMetrics(Object.keys(roleTable));
  if (environment[unobservedEnv] === undefined) return metrics;
  metrics[Symbol.dispose]();
  return {
    ...metrics,
    ...{ calls: unobservedCalls, work: unobservedStore, pulls: unobservedPulls },
    ...{ remotes: unobservedRemotes, remoteWork: unobservedRemoteWork },
    autoPushes: unobservedAutoPushes,
  };
}

export function attachMetrics(
  metrics: Metrics,
  parts: {
    readonly store: Pick<SnapshotStore, "condition" | "figures" | "scrub">;
    readonly server: GrpcServer;
    readonly replicator: Replicator;
    readonly autoPushes: AutoPushes;
    readonly config: DaemonConfig;
  },
): void {
  const { store, server, replicator, autoPushes, config } = parts;
  metrics.attach({
    store: () => store.figures(),
    transport: () => server.figures(),
    replication: () => replicator.figures(),
    autoPushes: () => autoPushes.figures(),
    condition: () => conditionOf(store, server),
    scrub: () => scrubOf(store, config),
  });
}

function conditionOf(
  store: Pick<SnapshotStore, "condition">,
  server: GrpcServer,
): ConditionFigures {
  const problems: string[] = store.condition.problems().map(({ error }) => error.reason);
  if (server.isDraining()) problems.push("DRAINING");
  return { ready: problems.length === 0, problems };
}

function scrubOf(
  { scrub }: Pick<SnapshotStore, "scrub">,
  { scrubIntervalMs }: DaemonConfig,
): ScrubFigures {
  const { last, running } = scrub.state();
  const seconds = (date: Date): number => date.getTime() / 1000;
  return {
    intervalSeconds: scrubIntervalMs / 1000,
    last: last && { ...last, endedAt: seconds(last.endedAt) },
    running: running && { ...running, startedAt: seconds(running.startedAt) },
  };
}
