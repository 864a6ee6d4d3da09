// Measures how long the event loop of a daemon is blocked. The daemon loads this file with
// `--import`. SIGUSR2 prints the delays since the last report, as `loop N {...}`.
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopDelays {
  readonly p999Ms: number;
  readonly worstMs: number;
  /** The most CPU time that the process used between two ticks. Other processes cannot cause it. */
  readonly worstCpuMs: number;
}

const tickMs = 1;
const delay = monitorEventLoopDelay({ resolution: tickMs });
delay.enable();
let asked = 0;
let worstCpuMs = 0;
let used = process.cpuUsage();
setInterval(() => {
  const now = process.cpuUsage();
  worstCpuMs = Math.max(worstCpuMs, (now.user + now.system - used.user - used.system) / 1000);
  used = now;
}, tickMs).unref();

process.on("SIGUSR2", () => {
  asked += 1;
  const p999Ms = delay.percentile(99.9) / 1e6;
  const delays: LoopDelays = { p999Ms, worstMs: delay.max / 1e6, worstCpuMs };
  delay.reset();
  worstCpuMs = 0;
  console.log(`loop ${asked} ${JSON.stringify(delays)}`);
});
