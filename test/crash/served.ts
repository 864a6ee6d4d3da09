// Starts the tested program, the real `stasis serve`, with or without strace.
import { readFileSync } from "node:fs";
import { connect, type Client } from "../../src/client/index.js";
import { run, type Child, type Exit } from "../support/child.js";

/**
 * The variable STASIS_PROGRAM selects another build of main.js, for example one with a seeded
 * mistake.
 */
export const program = process.env["STASIS_PROGRAM"] ?? defaultProgram();

function defaultProgram(): string {
  return new URL("../../src/main.js", import.meta.url).pathname;
}

/** True if the tested program belongs to this build. */
export const isOwnBuild = program === defaultProgram();

export interface Place {
  readonly root: string;
  /**
   * The socket is outside the root, so that it survives if the root disappears under the daemon.
   */
  readonly socket: string;
}

export interface Served extends AsyncDisposable {
  readonly pid: number;
  readonly client: Client;
  readonly exited: Promise<Exit>;
  isRunning(): boolean;
  /** Returns all output so far. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /**
   * Sends SIGKILL and resolves when the daemon has ended. Has no effect if the daemon ended before.
   */
  kill(): Promise<void>;
}

/** Reports a daemon that ended before it listened. */
export class NotServed extends Error {
  override readonly name = "NotServed";
  constructor(
    readonly output: string,
    readonly exit: Exit,
  ) {
    super(`the daemon ended before it listened: ${JSON.stringify(exit)}\n${output}`);
  }
}

export function serveFlags({ root, socket }: Place): Record<string, string> {
  return { root, socket, reserve: "0", "drain-grace": "2s" };
}

/**
 * Returns the command and arguments that start the daemon, for programs such as strace that run it.
 */
export function serveCommand(place: Place): string[] {
  const args = Object.entries(serveFlags(place)).map(([name, value]) => `--${name}=${value}`);
  return [process.execPath, program, "serve", ...args];
}

/**
 * The daemon uses one thread for file calls, so that the n-th call of a kind is the same each time.
 */
export const serveEnvironment = { UV_THREADPOOL_SIZE: "1" } as const;

/** Resolves when the daemon listens. Throws NotServed if it ends before. */
export async function startServed(place: Place): Promise<Served> {
  const [command = "", ...args] = serveCommand(place);
  const child = run(command, args, serveEnvironment);
  return await whenListening(child, place, () => child.pid);
}

const startLimitMs = 180_000;

/** Resolves when the daemon listens. `pidOf` returns the process id of the daemon itself. */
export async function whenListening(
  child: Child,
  place: Place,
  pidOf: () => number,
): Promise<Served> {
  let running = true;
  const tooLong = setTimeout(() => killQuietly(pidOf()), startLimitMs);
  void child.exited.then(() => {
    running = false;
    clearTimeout(tooLong);
  });
  try {
    await child.line(/^data in /);
    clearTimeout(tooLong);
  } catch {
    throw new NotServed(child.output(), await child.exited);
  }
  const client = connect(`unix:${place.socket}`);
  const pid = pidOf();
  const kill = async (): Promise<void> => {
    client.close();
    if (running) killQuietly(pid);
    await child.exited;
  };
  return {
    pid,
    client,
    exited: child.exited,
    isRunning: () => running,
    output: child.output,
    signal: (signal) => void process.kill(pid, signal),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/**
 * Returns the process id of the only child of a process, such as the daemon that strace has
 * started.
 */
export function onlyChildOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const [only] = children;
  if (only === undefined || only === "") throw new Error(`process ${pid} has no child`);
  return Number(only);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The daemon has just ended by itself.
  }
}
