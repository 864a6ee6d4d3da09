// A real daemon on a scratch store, stopped and removed after the test.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createLogger, type Logger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import type { DaemonConfig } from "../../src/config/daemon-options.js";
import type { RawValue } from "../../src/config/option.js";
import { startDaemon, type Daemon } from "../../src/daemon/daemon.js";

export interface TestDaemon {
  readonly daemon: Daemon;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** `unix:PATH`. */
  readonly socketAddress: string;
  readonly root: string;
  readonly config: DaemonConfig;
  /** An empty directory beside the store, on the same filesystem. */
  readonly scratch: string;
}

export interface DaemonParts {
  readonly configFile?: string;
  readonly logger?: Logger;
}

/** An empty directory that is removed after the test. */
export async function makeScratch(t: TestContext, prefix: string): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), prefix));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  return scratch;
}

/** `flags` are those of `stasis serve`, without dashes. */
export async function startTestDaemon(
  t: TestContext,
  flags: Readonly<Record<string, RawValue>> = {},
  { configFile, logger = createLogger("silent") }: DaemonParts = {},
): Promise<TestDaemon> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-daemon-"));
  const { config } = loadDaemonConfig({
    ...(configFile === undefined ? {} : { configFile }),
    flags: {
      root: join(scratch, "root"),
      listen: "127.0.0.1:0",
      "drain-grace": "1s",
      reserve: "0",
      ...flags,
    },
  });
  const daemon = await startDaemon({ config, logger });
  // One hook, since hooks run in the order in which they were declared.
  t.after(async () => {
    await daemon.stop();
    await rm(scratch, { recursive: true, force: true });
  });
  const [address = "", socketAddress = ""] = daemon.addresses;
  return { daemon, address, socketAddress, root: config.root, config, scratch };
}
