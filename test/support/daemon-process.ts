// The real program `stasis serve` in its own process, which a test can stop or kill.
import { runModule, type Child, type User } from "./child.js";
import { openLoopback } from "./daemon.js";

const thisBuild = new URL("../../src/main.js", import.meta.url);

export interface DaemonProcess extends Child {
  /** `unix:PATH`: the socket that a daemon has by default. */
  readonly address: string;
  /** `127.0.0.1:PORT`. */
  readonly tcpAddress: string;
}

/** Resolves when it listens. Disposing kills it. */
export async function startDaemonProcess(
  root: string,
  flags: Readonly<Record<string, string>> = {},
  // One thread for file calls, so that the n-th call of a kind is the same each time.
  env: Readonly<Record<string, string>> = { UV_THREADPOOL_SIZE: "1" },
  user: Partial<User> = {},
  program: URL = thisBuild,
): Promise<DaemonProcess> {
  // Disables the scrub at the start, because it would find a test's damage first.
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
