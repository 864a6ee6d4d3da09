// Defines the metrics of the process. Metrics that other programs have too keep their usual names
// without our prefix, so that existing dashboards find them.
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { performance, type EventLoopUtilization } from "node:perf_hooks";
import type { MetricSet } from "./metric-set.js";
import { reading, type Reading } from "./metric-set.js";

interface ProcessFigures {
  readonly memory: NodeJS.MemoryUsage;
  readonly cpu: NodeJS.CpuUsage;
  readonly loop: EventLoopUtilization;
  readonly openDescriptors: number | undefined;
}

const processReadings: readonly Reading<ProcessFigures>[] = [
  reading(
    "process_cpu_seconds_total",
    "CPU time of the daemon in user and kernel mode",
    ({ cpu }) => (cpu.user + cpu.system) / 1e6,
  ),
  reading("process_resident_memory_bytes", "Memory of the process", ({ memory }) => memory.rss),
  reading(
    "stasis_memory_bytes",
    "Memory by part: heap_used is within heap_total, array_buffers within external",
    ({ memory }) => [
      [{ part: "heap_total" }, memory.heapTotal],
      [{ part: "heap_used" }, memory.heapUsed],
      [{ part: "external" }, memory.external],
      [{ part: "array_buffers" }, memory.arrayBuffers],
    ],
    ["part"],
  ),
  reading(
    "stasis_event_loop_busy_seconds_total",
    "Time during which the event loop had work. Near 1 s per second, every call waits",
    ({ loop }) => loop.active / 1000,
  ),
  reading("process_open_fds", "Open file descriptors", (figures) => figures.openDescriptors),
  reading("process_max_fds", "Limit of open file descriptors", maxDescriptors),
];

const lagBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** The interval at which a separate timer measures the lag. */
const sampleMs = 100;

/** Adds the metrics. Disposing of the result ends the measurement. */
export function addProcessMetrics(set: MetricSet): Disposable {
  set
    .gauge("process_start_time_seconds", "When the process began, in seconds since 1970")
    .set(performance.timeOrigin / 1000);
  set.readings(
    "process",
    processReadings,
  )(async () => ({
    openDescriptors: await countEntries("/proc/self/fd"),
    memory: process.memoryUsage(),
    cpu: process.cpuUsage(),
    loop: performance.eventLoopUtilization(),
  }));
  const lag = set.histogram(
    "stasis_event_loop_lag_seconds",
    "How much later than due a timer fired, ten times a second: what each call waits for others",
    lagBuckets,
  );
  let dueMs = performance.now() + sampleMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lag.observe(Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + sampleMs;
  }, sampleMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Counts the entries. Undefined if there is no /proc, or no descriptor is left to open it. */
async function countEntries(directory: string): Promise<number | undefined> {
  try {
    return (await readdir(directory)).length;
  } catch {
    return undefined;
  }
}

function maxDescriptors(): number | undefined {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
