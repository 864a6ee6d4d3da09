// Defines the clock of the program. It is injected, so that tests control the time.
import { readFileSync } from "node:fs";
import { uptime } from "node:os";

export interface Clock {
  /**
   * Returns the wall time, which may jump. Use it for output, for credentials and for expiry times
   * that callers set. The ages of this store's snapshots use elapsed time instead
   * (model/elapsed.ts).
   */
  now(): Date;
  /**
   * Returns monotonic milliseconds for leases, timeouts and rates. They never decrease, and they
   * stop while the machine is suspended.
   */
  monotonicMs(): number;
  /**
   * Returns the time since the machine's boot. Nobody can set this clock. It continues while the
   * machine is suspended and across restarts of the daemon.
   */
  boot(): BootTime;
}

interface BootTime {
  /** The id of the boot, which changes with each boot. */
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
 * Returns the id of the boot. If the kernel does not report one, each process counts as a separate
 * boot without a known history.
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
