// Implements `stasis serve`, which runs one daemon in this process, from its start to the signal
// that ends it.
import { buildInfo } from "../base/build-info.js";
import { createLogger } from "../base/logger.js";
import { createRecentLog } from "../base/recent-log.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { startDaemon } from "./daemon.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import { endOfHangup, type Signals } from "./signals.js";

export async function serve(config: DaemonConfig, signals: Signals): Promise<void> {
  // The files of the daemon are private, unless their mode is set explicitly.
  process.umask(0o077);
  // An error such as ENOSPC, from a log on a full disk, must not end the daemon.
  process.stderr.on("error", () => undefined);
  const recentLog = createRecentLog();
  const logger = createLogger(config.logLevel, recentLog);
  const daemon = await startDaemon({ config, logger, recentLog });
  // This line is logged only after the start has succeeded, so that a refused start prints just its
  // reason.
  logger.info({ ...buildInfo(), node: process.version, pid: process.pid }, "started");
  process.on("exit", () => endWhereRootIsGone(daemon.store));
  const stopAsked = signals.untilStopped();
  // Scripts read these lines, so they must not change.
  for (const address of daemon.addresses) note(`listening on ${address}`);
  if (daemon.adminAddress !== undefined) note(`admin page on ${daemon.adminAddress}`);
  note(`data in ${daemon.store.layout.root}`);
  signals.onReload(() => {
    const { done, failed, needRestart } = daemon.reload();
    const read = done.length === 0 ? "there is nothing to read again" : `read ${done.join(", ")}`;
    note(`SIGHUP: ${read}`);
    for (const { what, why } of failed) note(`SIGHUP: ${what} stays as it was: ${why}`);
    if (needRestart.length > 0)
      note(`SIGHUP: takes effect at the next start: ${needRestart.join(", ")}`);
  });
  const signal = await stopAsked;
  note(`${signal}: draining, running calls have ${config.drainGraceMs / 1000} s`);
  await daemon.stop();
  note("stopped");
  if (signal === "SIGHUP") endOfHangup();
}

/**
 * Ends the process at once if the root is gone. A regular exit would let SQLite close the catalog
 * and delete files by name in another directory.
 */
function endWhereRootIsGone({ root }: Pick<SnapshotStore, "root">): void {
  try {
    root.check();
  } catch {
    process.kill(process.pid, "SIGKILL");
  }
}

/** Prints a line, and ignores that writing to a disconnected terminal fails. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
