// Runs the background scrub on a schedule.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { scrubDueInMs } from "../model/scrub.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import { startSchedule, type Schedule } from "./schedule.js";

/**
 * Delay after an unexpected error. Such an error is a bug, and a retry without a delay would keep
 * the daemon busy.
 */
const afterErrorMs = 60_000;

/**
 * Starts the schedule of scrubs. A scrub is due when the last complete one is an interval old. An
 * interrupted scrub continues at once.
 */
export function startScrubs(
  { scrub }: Pick<SnapshotStore, "scrub">,
  { scrubIntervalMs, scrubLimitBytes }: DaemonConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Schedule | undefined {
  if (scrubIntervalMs === 0) return undefined;
  const untilDueMs = (): number => scrubDueInMs(scrub.state(), scrubIntervalMs, clock.now());
  return startSchedule(untilDueMs, async (signal) => {
    try {
      await scrub.run(scrubLimitBytes, signal);
    } catch (error) {
      logger.error({ err: error }, "the scrub failed");
      await delay(afterErrorMs, undefined, { signal, ref: false });
    }
  });
}
