// Starts a real daemon on a scratch store. Both are removed after the test.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Clock } from "../../src/base/clock.js";
import { createLogger, type Logger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import type { DaemonConfig } from "../../src/config/daemon-options.js";
import type { RawValue } from "../../src/config/option.js";
import { startDaemon, type Daemon } from "../../src/daemon/daemon.js";
import { removeScratch } from "./scratch.js";

export interface TestDaemon {
  readonly daemon: Daemon;
  /** The address `unix:PATH` of the socket that a daemon has by default. */
  readonly address: string;
  /** The address `127.0.0.1:PORT`. */
  readonly tcpAddress: string;
  readonly root: string;
  readonly config: DaemonConfig;
  /** Names an empty directory beside the store, on the same filesystem. */
  readonly scratch: string;
}

export interface DaemonParts {
  readonly configFile?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Makes an empty directory that is deleted after the test. */
export async function makeScratch(t: TestContext, prefix: string): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), prefix));
  t.after(() => removeScratch(scratch));
  return scratch;
}

/**
 * Returns flags for a TCP address of this machine. If `flags` configure credentials, the daemon
 * requires them.
 */
export function openLoopback(flags: Readonly<Record<string, RawValue>>): Record<string, RawValue> {
  const asks = "tokens" in flags || "client-ca" in flags;
  return { listen: "127.0.0.1:0", ...(asks ? {} : { "unauthenticated-tcp": "this-machine" }) };
}

/** Starts a daemon. `flags` are flags of `stasis serve` without dashes. */
export async function startTestDaemon(
  t: TestContext,
  flags: Readonly<Record<string, RawValue>> = {},
  { configFile, logger = createLogger("silent"), clock }: DaemonParts = {},
): Promise<TestDaemon> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-daemon-"));
  const { config } = loadDaemonConfig({
    ...(configFile === undefined ? {} : { configFile }),
    flags: {
      root: join(scratch, "root"),
      ...openLoopback(flags),
      "drain-grace": "1s",
      reserve: "0",
      ...flags,
    },
  });
  const daemon = await startDaemon({ config, logger, ...(clock && { clock }) });
  // There is one hook, because hooks run in the order in which they were declared.
  t.after(async () => {
    await daemon.stop();
    await removeScratch(scratch);
  });
  const [tcpAddress = "", address = ""] = daemon.addresses;
  return { daemon, address, tcpAddress, root: config.root, config, scratch };
}
