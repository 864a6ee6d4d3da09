// Handles the signals of a daemon. This is loaded and called before the rest of the daemon;
// base/early-signals.ts covers the time before.
//
//   SIGTERM, SIGINT   drain and stop; the second one ends the process at once
//   SIGHUP            read certificates, tokens and tables again; stop if the terminal that started
//                     the daemon is gone
//   SIGUSR1, SIGUSR2  ignored, because Node would open its inspector or end
import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { takeEarlyHangUp } from "../base/early-signals.js";

export interface Signals {
  /**
   * Resolves with the name of the first stop signal from now on. Before this call, stop signals end
   * the process.
   */
  untilStopped(): Promise<string>;
  /** Calls `reload` with each SIGHUP from now on, and at once if a SIGHUP has already arrived. */
  onReload(reload: () => void): void;
}

export function catchSignals(): Signals {
  const onTerminal = [0, 2].some((fd) => isatty(fd));
  let reload: (() => void) | undefined;
  let missed = false;
  let stop: ((signal: string) => void) | undefined;
  let hungUp = false;
  process.on("SIGHUP", () => {
    if (onTerminal && hasHungUp()) {
      // The kernel may send SIGHUP twice: to the leader of the session and to the foreground job.
      if (hungUp) return;
      hungUp = true;
      if (stop === undefined) endOfHangup();
      else stop("SIGHUP");
    } else if (reload === undefined) missed = true;
    else reload();
  });
  missed = takeEarlyHangUp();
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => undefined);
  return {
    untilStopped: () =>
      new Promise((resolve) => {
        let asked = false;
        stop = (signal) => {
          if (asked) process.exit(1);
          asked = true;
          resolve(signal);
        };
        for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
      }),
    onReload(listener) {
      reload = listener;
      if (missed) listener();
      missed = false;
    },
  };
}

/**
 * Ends the process as SIGHUP would do without a handler. Node aborts if it cannot restore the
 * terminal at exit.
 */
export function endOfHangup(): void {
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
}

/**
 * Returns whether the controlling terminal has hung up. A process can no longer open such a
 * terminal.
 */
function hasHungUp(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r+"));
    return false;
  } catch {
    return true;
  }
}
