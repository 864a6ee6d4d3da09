// The metrics of one daemon, in the text format of Prometheus. Each daemon has its own registry,
// because several may run in one process.
import { Gauge, Registry } from "prom-client";
import { buildInfo } from "../base/build-info.js";

/** The answer of `/metrics`. */
export interface MetricsPage {
  /** The value of the Content-Type header. */
  readonly contentType: string;
  /** Reads all figures. Leaves out a figure that cannot be read. */
  render(): Promise<string>;
}

export function createMetrics(): MetricsPage {
  const registry = new Registry();
  const { version, commit } = buildInfo();
  new Gauge({
    name: "stasis_build_info",
    help: "Always 1. The labels identify the running build",
    labelNames: ["version", "commit", "node"],
    registers: [registry],
  }).set({ version, commit, node: process.version }, 1);
  return { contentType: registry.contentType, render: () => registry.metrics() };
}
