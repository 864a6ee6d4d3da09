// A program run in a process of its own, ended at the latest with the test.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it has written so far, stdout and stderr as they came. */
  output(): string;
  /** The match of the first line, from the start, that fits. Rejects if the program ends before. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** How it ended, when it has. */
  readonly exited: Promise<Exit>;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
}

/** Whom a program runs as; only root can choose. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Those that still run are killed when the test's process exits, whatever the test has failed to
 * do.
 */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Runs a compiled module of this repository with this Node. */
export function runModule(
  module: URL,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  user: Partial<User> = {},
): Child {
  return run(process.execPath, [fileURLToPath(module), ...args], env, user);
}

export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  user: Partial<User> = {},
): Child {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...user,
  });
  running.add(child);
  let output = "";
  let ended = false;
  const waiting = new Set<() => void>();
  const wake = (): void => waiting.forEach((look) => look());
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      wake();
    });
  }
  const exited = once(child, "close").then(([code, signal]: (number | string | null)[]) => {
    ended = true;
    running.delete(child);
    wake();
    return { code, signal } as Exit;
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    pid: child.pid ?? -1,
    output: () => output,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = new RegExp(pattern, "m").exec(output);
          if (match === null && !ended) return;
          waiting.delete(look);
          if (match === null) reject(new Error(`no ${pattern} in: ${output}`));
          else resolve(match);
        };
        waiting.add(look);
        look();
      }),
    signal: (signal) => void child.kill(signal),
    exited,
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
