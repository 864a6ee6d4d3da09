// What signals mean to a daemon. Loaded and called before all else, so that none comes too early.
//
// SIGTERM, SIGINT   drain and stop; the second one ends the process at once
// SIGHUP            read certificates, tokens and tables again; when the terminal that the daemon was
//                   started from has gone, stop
// SIGUSR1, SIGUSR2  nothing: Node would open its inspector, or end
import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";

export interface Signals {
  /** From now on: resolves with the first signal that asks to stop. Before, they end the process. */
  untilStopped(): Promise<string>;
  /** Called with each SIGHUP from now on, and at once if one has come before. */
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
      // The kernel may send it twice: to the leader of the session and to the foreground job.
      if (hungUp) return;
      hungUp = true;
      if (stop === undefined) endOfHangup();
      else stop("SIGHUP");
    } else if (reload === undefined) missed = true;
    else reload();
  });
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

/** Ends the process as SIGHUP would have: Node aborts where it can't restore the terminal at its exit. */
export function endOfHangup(): void {
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
}

/** The controlling terminal of a process cannot be opened any more once it has hung up. */
function hasHungUp(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r+"));
    return false;
  } catch {
    return true;
  }
}
