// Starts the real program `stasis serve` in its own process, which a test can stop or kill.
import { runModule, type Child, type User } from "./child.js";
import { openLoopback } from "./daemon.js";

const thisBuild = new URL("../../src/main.js", import.meta.url);

export interface DaemonProcess extends Child {
  /** The address `unix:PATH` of the socket that a daemon has by default. */
  readonly address: string;
  /** The address `127.0.0.1:PORT`. */
  readonly tcpAddress: string;
}

/** Resolves when the daemon listens. Disposing kills the daemon. */
export async function startDaemonProcess(
  root: string,
  flags: Readonly<Record<string, string>> = {},
  // The daemon uses one thread for file calls, so that the n-th call of a kind is the same each
  // time.
  env: Readonly<Record<string, string>> = { UV_THREADPOOL_SIZE: "1" },
  user: Partial<User> = {},
  program: URL = thisBuild,
): Promise<DaemonProcess> {
  // Scrubs are disabled, because a scrub would find a test's damage first.
  const quiet = { "scrub-interval": "0s" };
  const all = { root, ...openLoopback(flags), reserve: "0", ...quiet, ...flags };
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  const child = runModule(program, ["serve", ...args], env, user);
  try {
    const [, tcpAddress = ""] = await child.line(/^listening on (127\.0\.0\.1:\d+)$/);
    const [, address = ""] = await child.line(/^listening on (unix:.*)$/);
    await child.line(/^data in /);
    return { ...child, address, tcpAddress };
  } catch (error) {
    await child.kill();
    throw error;
  }
}
