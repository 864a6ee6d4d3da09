// Time, injected so that tests and the domain agree on it.
import { readFileSync } from "node:fs";
import { uptime } from "node:os";

export interface Clock {
  /** Wall time. It may jump: for what people read, for credentials, and for nothing that deletes. */
  now(): Date;
  /** Monotonic milliseconds. Never goes back; for leases, timeouts and rates. Stands still in suspend. */
  monotonicMs(): number;
  /** Time since the machine's boot. Nobody can set it, and it goes on in suspend and over restarts. */
  boot(): BootTime;
}

export interface BootTime {
  /** Changes with each boot. */
  readonly id: string;
  /** Milliseconds since the boot, suspended time included. */
  readonly elapsedMs: number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  boot: () => ({ id: bootId(), elapsedMs: uptime() * 1000 }),
};

let knownBootId: string | undefined;

/** Where the kernel does not tell it, each process is a boot of its own: nothing is known of before. */
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
