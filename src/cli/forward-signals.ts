// Forwards signals to the command that this program runs.
//
// A terminal sends Ctrl-C and Ctrl-\ to all processes of its foreground group, including the
// command. A second SIGINT would make many programs abort their clean end, so a command that the
// terminal reaches does not get it again. Only the terminal is expected to send these two signals
// to a foreground program. `kill` from elsewhere uses SIGTERM, which is always forwarded.
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

const always = ["SIGTERM", "SIGHUP"] as const;
const unlessFromTerminal = ["SIGINT", "SIGQUIT"] as const;

/** Until the result is called, these signals do not end this program. */
export function forwardSignals(child: ChildProcess): () => void {
  const handlers = [
    ...always.map((name) => [name, () => child.kill(name)] as const),
    ...unlessFromTerminal.map((name) => {
      const forward = () => isReachedByTerminal(child.pid) || child.kill(name);
      return [name, forward] as const;
    }),
  ];
  for (const [name, handler] of handlers) process.on(name, handler);
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
}

/** Whether the process is in the foreground group of its terminal; see proc_pid_stat(5). */
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
