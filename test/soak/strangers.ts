// Runs strangers next to a caller with a token: connections with many half-open calls each, which
// are reopened when they are refused. Measures the latency of the caller's Inspects, and checks
// that each is answered.
import { connect } from "../../src/client/index.js";
import { makeToken, changeTokenFile } from "../../src/config/token-file.js";
import { rawFile } from "../unit/archive/support.js";
import { endMarker } from "../hostile/hostile-case.js";
import { streamOf } from "../store/contents.js";
import { runModule, type Child } from "../support/child.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { forgetPeak, memoryOf } from "../support/memory.js";
import type { Latencies } from "./hostile.js";

export interface StrangersOptions {
  /** The directory is empty. Its path must be short. */
  readonly directory: string;
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly seconds: number;
}

export interface Measured extends Latencies {
  readonly peakBytes: number;
}

export interface StrangersResult {
  readonly quiet: Measured;
  readonly attacked: Measured;
  /** Contains the strangers' own counts. */
  readonly report: string;
}

export async function playStrangers(options: StrangersOptions): Promise<StrangersResult> {
  const { directory, connections, streamsPerConnection, seconds } = options;
  const tokens = `${directory}/tokens.json`;
  const identity = { name: "known", role: "writer", namePrefix: "", expiresAt: undefined } as const;
  const { token, record } = makeToken(identity, new Date());
  changeTokenFile(tokens, (records) => [...records, record]);
  const environment = { UV_THREADPOOL_SIZE: "4" };
  await using daemon = await startDaemonProcess(`${directory}/root`, { tokens }, environment);
  const client = connect(daemon.tcpAddress, { token });
  try {
    const tar = Buffer.concat([rawFile("memory", "content"), endMarker]);
    await client.create({ config: { name: "large" } }, streamOf(tar));
    const measure = () => measureInspects(daemon, token, seconds);
    await measureInspects(daemon, token, Math.min(seconds, 3));
    const quiet = await measure();
    await using strangers: Child = runModule(new URL("./strangers-main.js", import.meta.url), [
      daemon.tcpAddress,
      String(connections),
      String(streamsPerConnection),
    ]);
    await strangers.line(/^opened/);
    const attacked = await measure();
    strangers.signal("SIGTERM");
    await strangers.exited;
    return { quiet, attacked, report: strangers.output().trim() };
  } finally {
    client.close();
  }
}

async function measureInspects(
  daemon: DaemonProcess,
  token: string,
  seconds: number,
): Promise<Measured> {
  forgetPeak(daemon);
  await using inspecting = runModule(
    new URL("./hostile-inspect.js", import.meta.url),
    [daemon.tcpAddress, String(seconds)],
    { HOSTILE_TOKEN: token },
  );
  const [, latencies = ""] = await inspecting.line(/^latencies (.*)$/);
  return { ...(JSON.parse(latencies) as Latencies), peakBytes: memoryOf(daemon, "VmHWM") };
}
