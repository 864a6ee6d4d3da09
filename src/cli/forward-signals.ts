// Forwards signals to the command that this program runs.
//
// A terminal sends Ctrl-C and Ctrl-\ to all processes of its foreground group, including the
// command. On a second SIGINT many programs abort their clean shutdown, so this program does not
// forward the signal to a command that the terminal reaches. Only the terminal is expected to send
// these two signals to a foreground program. `kill` from elsewhere uses SIGTERM, which is always
// forwarded.
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

const always = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
const unlessFromTerminal = ["SIGINT", "SIGQUIT"] as const;

/**
 * Calls `start` and forwards signals to the child that it returns. Until `stop` is called, these
 * signals do not end this program, not even at the moment when the child starts.
 */
export function forwardSignals(start: () => ChildProcess): { child: ChildProcess; stop(): void } {
  const handlers = [
    ...always.map((name) => [name, () => child.kill(name)] as const),
    ...unlessFromTerminal.map((name) => {
      const forward = () => isReachedByTerminal(child.pid) || child.kill(name);
      return [name, forward] as const;
    }),
  ];
  for (const [name, handler] of handlers) process.on(name, handler);
  const stop = (): void => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
  let child: ChildProcess;
  try {
    child = start();
  } catch (error) {
    stop();
    throw error;
  }
  return { child, stop };
}

/** Returns whether the process is in the foreground group of its terminal; see proc_pid_stat(5). */
function isReachedByTerminal(pid: number | undefined): boolean {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return false;
  }
  // The program's name comes before these fields, and may contain any character.
  const [, , group, , , foreground] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return group === foreground;
}
