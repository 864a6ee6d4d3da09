// Runs a node of the rehearsal: the real program under a supervisor that starts it again when it
// ends, as systemd would. The program writes its log to a file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.js";

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

export interface RehearsalNode extends AsyncDisposable {
  readonly name: string;
  readonly root: string;
  /** The address `unix:PATH`, for the operator. */
  readonly socket: string;
  /** The address `127.0.0.1:PORT`, for callers with a token. */
  readonly address: string;
  /**
   * The address `127.0.0.1:PORT` of the page, the metrics and the probes, for callers with a token.
   */
  readonly admin: string;
  readonly log: string;
  /** The path of the file with the process id of the running daemon. */
  readonly pidFile: string;
}

export interface NodeOptions {
  /** An existing directory for the sockets, the configuration and the log. */
  readonly directory: string;
  readonly name: string;
  readonly root: string;
  /** The path of the token file. */
  readonly tokens: string;
  /** Additional lines for the configuration file. */
  readonly config: string;
}

const restartMs = 500;
const stopLimitMs = 10_000;

export async function startRehearsalNode(options: NodeOptions): Promise<RehearsalNode> {
  const { directory, name, root, tokens } = options;
  const [listen, admin] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const [socket, file] = [join(directory, `${name}.sock`), join(directory, `${name}.toml`)];
  const plain = { root, socket, listen, admin_listen: admin, tokens, drain_grace: "2s" };
  const lines = Object.entries(plain).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  writeFileSync(file, `${lines.join("\n")}\n${options.config}`, { mode: 0o600 });
  const node = {
    ...{ name, root, socket: `unix:${socket}`, address: listen ?? "", admin: admin ?? "" },
    log: join(directory, `${name}.log`),
    pidFile: join(directory, `${name}.pid`),
  };
  const supervisor = supervise(file, node);
  await supervisor.ready;
  return { ...node, [Symbol.asyncDispose]: supervisor.end };
}

type Supervised = Pick<RehearsalNode, "admin" | "log" | "pidFile">;

function supervise(configFile: string, { admin, log, pidFile }: Supervised) {
  const ending = new AbortController();
  let stop = (): void => undefined;
  const play = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const output = openSync(log, "a");
      const child = spawn(process.execPath, [program, "serve", "--config", configFile], {
        stdio: ["ignore", output, output],
      });
      closeSync(output);
      writeFileSync(pidFile, String(child.pid));
      const killer = (): void => void child.kill("SIGKILL");
      process.once("exit", killer);
      stop = () => {
        child.kill("SIGTERM");
        setTimeout(killer, stopLimitMs).unref();
      };
      const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
      process.off("exit", killer);
      appendFileSync(log, `the process ended with ${signal ?? code}\n`);
      await pause(restartMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const ended = play();
  return {
    ready: untilServing(admin, log),
    end: async (): Promise<void> => {
      ending.abort();
      stop();
      await ended;
    },
  };
}

const startLimitMs = 60_000;

async function untilServing(admin: string, log: string): Promise<void> {
  const end = performance.now() + startLimitMs;
  while (performance.now() < end) {
    const ready = await fetch(`http://${admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await pause(100);
  }
  throw new Error(`a daemon does not start: see ${log}`);
}
