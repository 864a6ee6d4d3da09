// Implements a registry that also keeps the descriptions of its metrics, for docs/metrics.md.
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface MetricDescription {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

/** Values of a metric, by the values of its labels. */
export type Samples =
  number | readonly (readonly [labels: Record<string, string>, value: number])[];

/** A metric whose values are read on demand. */
export interface Reading<Source> extends MetricDescription {
  readonly type: "counter" | "gauge";
  /** Returns the values. Undefined if the metric has no value at the moment. */
  readonly read: (source: Source) => Samples | undefined;
}

/** Describes a gauge, or a counter if the name ends with _total. */
export function reading<Source>(
  name: string,
  help: string,
  read: Reading<Source>["read"],
  labels: readonly string[] = [],
): Reading<Source> {
  return { name, type: name.endsWith("_total") ? "counter" : "gauge", help, labels, read };
}

/**
 * A source that takes longer is skipped, because a page without its figures is better than no page.
 */
const patienceMs = 2000;

export class MetricSet {
  readonly registry = new Registry();
  readonly described: MetricDescription[] = [];
  readonly #refreshes: (() => Promise<void>)[] = [];
  readonly #works = this.gauge(
    "stasis_metrics_source_up",
    "Whether the figures of this part of the daemon could be read for this page, within 2 s",
    ["source"],
  );

  gauge<Label extends string>(name: string, help: string, labels: readonly Label[] = []) {
    this.described.push({ name, type: "gauge", help, labels });
    return new Gauge({ name, help, labelNames: labels, registers: [this.registry] });
  }

  counter<Label extends string>(name: string, help: string, labels: readonly Label[] = []) {
    this.described.push({ name, type: "counter", help, labels });
    return new Counter({ name, help, labelNames: labels, registers: [this.registry] });
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly Label[] = [],
  ) {
    this.described.push({ name, type: "histogram", help, labels });
    const registers = [this.registry];
    return new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers });
  }

  /**
   * Adds metrics that are read from one source. While there is no source, they have no values. The
   * returned function sets the source.
   */
  readings<Source>(
    source: string,
    readings: readonly Reading<Source>[],
  ): (ask: () => Source | Promise<Source>) => void {
    const setters = readings.map((each) => this.#setter(each));
    return (ask) => {
      let running: Promise<Source> | undefined;
      // Concurrent refreshes share one request. On a disk that hangs, a second request would only
      // wait for the same answer.
      const askOnce = (): Promise<Source> =>
        (running ??= Promise.resolve()
          .then(ask)
          .finally(() => (running = undefined)));
      this.#refreshes.push(async () => {
        const found = await within(askOnce());
        this.#works.set({ source }, found === undefined ? 0 : 1);
        for (const set of setters) set(found);
      });
    };
  }

  async render(): Promise<string> {
    await Promise.all(this.#refreshes.map((refresh) => refresh()));
    return this.registry.metrics();
  }

  /** Returns a function that sets the values, or removes them. */
  #setter<Source>({ name, type, help, labels, read }: Reading<Source>) {
    const gauge = type === "gauge" ? this.gauge(name, help, labels) : undefined;
    const counter = type === "counter" ? this.counter(name, help, labels) : undefined;
    const metric = gauge ?? counter;
    return (source: Source | undefined): void => {
      const samples = source === undefined ? undefined : read(source);
      metric?.reset();
      if (typeof samples === "number") {
        gauge?.set(samples);
        counter?.inc(samples);
        return;
      }
      // A metric without labels has the value 0 after a reset.
      if (labels.length === 0) metric?.remove();
      for (const [values, value] of samples ?? []) {
        gauge?.set(values, value);
        counter?.inc(values, value);
      }
    };
  }
}

/** Returns the result. Undefined if the source failed or takes too long. */
async function within<T>(asked: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return await Promise.race([asked, timeout]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
