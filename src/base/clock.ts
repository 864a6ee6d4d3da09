// Clocks, injected so that tests control the time.
import { readFileSync } from "node:fs";
import { uptime } from "node:os";

export interface Clock {
  /**
   * Wall time. It may jump. Use it for output and for credentials, never to decide about deletion.
   */
  now(): Date;
  /**
   * Monotonic milliseconds, for leases, timeouts and rates. They never decrease and stop in
   * suspend.
   */
  monotonicMs(): number;
  /**
   * Time since the machine's boot. Nobody can set it. It continues in suspend and over restarts.
   */
  boot(): BootTime;
}

interface BootTime {
  /** Changes with each boot. */
  readonly id: string;
  /** Milliseconds since the boot, including suspended time. */
  readonly elapsedMs: number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  boot: () => ({ id: bootId(), elapsedMs: uptime() * 1000 }),
};

let knownBootId: string | undefined;

/**
 * If the kernel does not report a boot id, each process counts as a boot of its own, without a
 * known history.
 */
function bootId(): string {
  return (knownBootId ??= readBootId());
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return `process ${process.pid} of ${Date.now()}`;
  }
}
