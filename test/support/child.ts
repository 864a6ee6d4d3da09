// Runs a program in its own process, which ends with the test at the latest.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Returns all output so far: stdout and stderr in order of arrival. */
  output(): string;
  /**
   * Resolves with the match in the first matching line of the output. Rejects if the program ends
   * before, or after `limitMs` milliseconds (five minutes by default).
   */
  line(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the status or the signal when the program has ended. */
  readonly exited: Promise<Exit>;
  /** Sends SIGKILL and waits for the end of the program. */
  kill(): Promise<void>;
}

/** Identifies the user of the program. Only root can choose another user. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Running programs are killed when the test's process exits, even after a failure. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** The limit is long, because only a failing test reaches it. */
const lineLimitMs = 300_000;

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
    line: (pattern, limitMs = lineLimitMs) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no ${pattern} within ${limitMs / 1000} s in: ${output}`));
        }, limitMs);
        const look = (): void => {
          const match = new RegExp(pattern, "m").exec(output);
          if (match === null && !ended) return;
          waiting.delete(look);
          clearTimeout(limit);
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
