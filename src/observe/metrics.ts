// Composes the metrics of one daemon, in the text format of Prometheus. Each daemon has its own
// registry, because several may run in one process.
import { buildInfo } from "../base/build-info.js";
import type {
  AutoPushFigures,
  ConditionFigures,
  ReplicationFigures,
  ScrubFigures,
  StoreFigures,
  TransportFigures,
} from "./figures.js";
import { callMetrics } from "./call-metrics.js";
import { MetricSet, type MetricDescription } from "./metric-set.js";
import type {
  AutoPushObserver,
  CallObserver,
  PullObserver,
  RemoteObserver,
  RemoteWorkObserver,
  StoreObserver,
} from "./ports.js";
import { addProcessMetrics } from "./process-metrics.js";
import {
  conditionReadings,
  replicationReadings,
  scrubReadings,
  storeReadings,
  transportReadings,
} from "./store-metrics.js";
import { autoPushMetrics, remoteMetrics } from "./remote-metrics.js";
import { remoteWorkMetrics } from "./remote-work-metrics.js";
import { pullMetrics, workMetrics } from "./work-metrics.js";

/** The answer of `/metrics`. */
export interface MetricsPage {
  /** The value of the Content-Type header. */
  readonly contentType: string;
  /** Reads all figures and returns the page. Leaves out a figure that cannot be read. */
  render(): Promise<string>;
}

/** The sources of the figures. They are called when the page is rendered. */
interface MetricSources {
  readonly store: () => Promise<StoreFigures>;
  readonly transport: () => TransportFigures;
  readonly replication: () => ReplicationFigures;
  readonly autoPushes: () => readonly AutoPushFigures[];
  readonly condition: () => ConditionFigures;
  readonly scrub: () => ScrubFigures;
}

export interface Metrics extends Disposable {
  readonly page: MetricsPage;
  readonly described: readonly MetricDescription[];
  readonly calls: CallObserver;
  readonly work: StoreObserver;
  readonly pulls: PullObserver;
  readonly remotes: RemoteObserver;
  readonly remoteWork: RemoteWorkObserver;
  readonly autoPushes: AutoPushObserver;
  /** Call it once, when the daemon has been composed. */
  attach(sources: MetricSources): void;
}

/**
 * Creates the metrics. `methods` are names such as `stasis.v1.SnapshotService/Create`. No other
 * methods become labels.
 */
export function createMetrics(methods: readonly string[] = []): Metrics {
  const set = new MetricSet();
  const { version, commit } = buildInfo();
  set
    .gauge("stasis_build_info", "Always 1. The labels identify the running build", [
      "version",
      "commit",
      "node",
    ])
    .set({ version, commit, node: process.version }, 1);
  const sampling = addProcessMetrics(set);
  const condition = set.readings("condition", conditionReadings);
  const calls = callMetrics(set, methods);
  const transport = set.readings("transport", transportReadings);
  const store = set.readings("store", storeReadings);
  const work = workMetrics(set);
  const scrub = set.readings("scrub", scrubReadings);
  const pulls = pullMetrics(set);
  const remotes = remoteMetrics(set);
  const remoteWork = remoteWorkMetrics(set);
  const autoPushes = autoPushMetrics(set);
  const replication = set.readings("replication", replicationReadings);
  return {
    page: { contentType: set.registry.contentType, render: () => set.render() },
    described: set.described,
    calls,
    work,
    pulls: pulls.observer,
    remotes,
    remoteWork,
    autoPushes: autoPushes.observer,
    attach(sources) {
      condition(sources.condition);
      transport(sources.transport);
      store(sources.store);
      scrub(sources.scrub);
      replication(sources.replication);
      pulls.running(() => sources.replication().bytes);
      autoPushes.running(sources.autoPushes);
    },
    [Symbol.dispose]: () => sampling[Symbol.dispose](),
  };
}
