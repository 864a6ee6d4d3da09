// Runs one hostile client next to a good one. The hostile client leaves thousands of streams
// half-open, and reads at most 2 KiB per second of each download. Measures the good client's
// Inspects and a large transfer, with and without the hostile client.
import { readFileSync } from "node:fs";
import { makeToken, changeTokenFile } from "../../src/config/token-file.js";
import { connect, type Client } from "../../src/client/index.js";
import { endMarker } from "../hostile/hostile-case.js";
import { mib } from "../store/contents.js";
import { runModule, type Child } from "../support/child.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { memoryOf } from "../support/memory.js";
import { patternBytes } from "../support/scratch.js";
import { rawHeader } from "../unit/archive/support.js";

const longestRunMs = 24 * 3_600_000;

export interface HostileOptions {
  /** The directory is empty. Its path must be short. */
  readonly directory: string;
  readonly halfOpen: number;
  readonly slowReaders: number;
  /** The number of connections that open streams and reset them at once, as fast as possible. */
  readonly resets: number;
  readonly seconds: number;
  /** The size of the snapshot that is transferred repeatedly, in bytes. */
  readonly sizeBytes: number;
  /** If this is true, refused streams are closed and reopened at once, whatever RetryInfo says. */
  readonly eager: boolean;
  /** If this is true, the daemon's limits are raised so that all hostile streams stay. */
  readonly held: boolean;
}

export interface Latencies {
  /** The number of all measured calls, including refused ones. */
  readonly inspects: number;
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Contains the figures of one phase. */
export interface Measured extends Latencies {
  readonly mibPerSecond: number;
  /** The median of the daemon's memory in bytes, sampled four times a second. */
  readonly residentBytes: number;
  /**
   * The number of processors that the daemon kept busy. `hostileCores` is the number for the
   * hostile client.
   */
  readonly daemonCores: number;
  readonly hostileCores: number;
}

export interface HostileResult {
  readonly quiet: Measured;
  readonly hostile: Measured;
  readonly afterwards: Measured;
  /** Contains the hostile client's own counts. */
  readonly report: string;
}

/** Each phase without the hostile client takes at most this many seconds. */
const quietSeconds = 30;
/** The first transfers are slower, while memory reaches its normal level. */
const warmUpSeconds = 10;

export async function playHostile(options: HostileOptions): Promise<HostileResult> {
  const { directory, halfOpen, slowReaders, resets, eager, seconds, sizeBytes, held } = options;
  const tokens = `${directory}/tokens.json`;
  const tokenOf = (name: string): string => {
    const identity = { name, role: "writer", namePrefix: "", expiresAt: undefined } as const;
    const { token, record } = makeToken(identity, new Date());
    changeTokenFile(tokens, (records) => [...records, record]);
    return token;
  };
  const [good, bad] = [tokenOf("good"), tokenOf("bad")];
  const streams = String(halfOpen + slowReaders + 64);
  const raised = { "max-streams": streams, "max-streams-per-identity": streams };
  await using daemon = await startDaemonProcess(
    `${directory}/root`,
    { tokens, ...(held ? raised : {}) },
    { UV_THREADPOOL_SIZE: "4" },
  );
  const moving = connect(daemon.tcpAddress, { token: good });
  try {
    await moving.create({ config: { name: "large" } }, largeTar(sizeBytes));
    const scene = { daemon, moving, token: good, sizeBytes };
    await measure(scene, Math.min(warmUpSeconds, seconds));
    const quiet = await measure(scene, Math.min(quietSeconds, seconds));
    await using hostile = runModule(
      new URL("./hostile-main.js", import.meta.url),
      [daemon.tcpAddress, String(halfOpen), String(slowReaders), String(resets), String(eager)],
      { HOSTILE_TOKEN: bad },
    );
    await hostile.line(/^opened/);
    const during = await measure(scene, seconds, hostile);
    hostile.signal("SIGTERM");
    await hostile.exited;
    const afterwards = await measure(scene, Math.min(quietSeconds, seconds));
    return { quiet, hostile: during, afterwards, report: hostile.output().trim() };
  } finally {
    moving.close();
  }
}

async function* largeTar(sizeBytes: number): AsyncGenerator<Uint8Array> {
  yield rawHeader({ name: "memory", size: sizeBytes });
  const piece = patternBytes(mib, 1);
  for (let sent = 0; sent < sizeBytes; sent += mib) yield Buffer.from(piece);
  yield endMarker;
}

interface Scene {
  readonly daemon: DaemonProcess;
  readonly moving: Client;
  readonly token: string;
  readonly sizeBytes: number;
}

/** Calls Inspect at a steady pace, and Restore without a pause. */
async function measure(scene: Scene, seconds: number, hostile?: Child): Promise<Measured> {
  const { daemon, token } = scene;
  await using inspecting = runModule(
    new URL("./hostile-inspect.js", import.meta.url),
    [daemon.tcpAddress, String(seconds)],
    { HOSTILE_TOKEN: token },
  );
  const begin = performance.now();
  const cpuSeconds = () => [daemon, hostile].map((child) => (child ? cpuSecondsOf(child) : 0));
  const [daemonBefore = 0, hostileBefore = 0] = cpuSeconds();
  const resident: number[] = [];
  const looking = setInterval(() => resident.push(memoryOf(daemon, "VmRSS")), 250);
  const rates: number[] = [];
  let over = false;
  try {
    const answer = inspecting.line(/^latencies (.*)$/, longestRunMs).finally(() => (over = true));
    do rates.push(await transfer(scene));
    while (!over);
    const [daemonAfter = 0, hostileAfter = 0] = cpuSeconds();
    const took = (performance.now() - begin) / 1000;
    return {
      ...(JSON.parse((await answer)[1] ?? "") as Latencies),
      mibPerSecond: median(rates),
      residentBytes: median(resident),
      daemonCores: (daemonAfter - daemonBefore) / took,
      hostileCores: (hostileAfter - hostileBefore) / took,
    };
  } finally {
    clearInterval(looking);
  }
}

/** Returns the rate of a transfer in MiB/s. */
async function transfer({ moving, sizeBytes }: Scene): Promise<number> {
  const before = performance.now();
  await using download = await moving.restore("large");
  let bytes = 0;
  for await (const chunk of download.bytes) bytes += chunk.byteLength;
  if (bytes < sizeBytes) throw new Error(`only ${bytes} bytes came`);
  return bytes / mib / ((performance.now() - before) / 1000);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Returns the CPU time in seconds since the process began, as proc(5) describes for stat. */
function cpuSecondsOf({ pid }: Child): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticksPerSecond = 100;
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
