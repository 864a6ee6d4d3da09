// Runs the real program as a child process.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const mainPath = fileURLToPath(new URL("../../../src/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs the program as this user, whose group has the same number. This requires root. */
  readonly uid?: number;
  /** Detaches the program from the terminal of the tests, if they have one. */
  readonly detached?: boolean;
}

/**
 * Starts the program with only PATH, HOME and the given variables, so without any STASIS_ variable
 * of the machine.
 */
export function startStasis(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const child = spawn(process.execPath, [mainPath, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.detached === true,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  // The program may end before it has read everything.
  child.stdin.on("error", () => undefined);
  return child;
}

export async function runStasis(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const child = startStasis(args, options);
  child.stdin?.end(options.input ?? "");
  return finished(child);
}

export async function finished(child: ChildProcess): Promise<Finished> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return {
    code,
    stdout: Buffer.concat(stdout).toString("latin1"),
    stderr: Buffer.concat(stderr).toString(),
  };
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the program on its own terminal, whose text arrives at `child.stdout`. */
export function startOnTerminal(
  args: readonly string[],
  { columns = 80, env = {} }: TerminalOptions = {},
): ChildProcess {
  const words = [process.execPath, mainPath, ...args].map((word) => `'${word}'`);
  // The command `script` of util-linux returns the exit status of the program.
  const line = `stty cols ${columns}; exec ${words.join(" ")}`;
  return spawn("script", ["-qec", line, "/dev/null"], {
    stdio: "pipe",
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", TERM: "xterm", ...env },
  });
}
