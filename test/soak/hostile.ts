// One bad client beside a good one: thousands of streams left half open and readers that hardly
// read, and what a normal client's Inspect and a large transfer cost meanwhile, beside the same
// without them.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { makeToken, changeTokenFile } from "../../src/config/token-file.js";
import { connect, type Client } from "../../src/client/index.js";
import { endMarker } from "../hostile/hostile-case.js";
import { mib } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { runModule } from "../support/child.js";
import { patternBytes } from "../support/scratch.js";
import { rawHeader } from "../unit/archive/support.js";

export interface HostileOptions {
  /** Empty; its path must be short. */
  readonly directory: string;
  readonly halfOpen: number;
  readonly slowReaders: number;
  readonly seconds: number;
  /** Of the snapshot that is transferred, again and again. */
  readonly sizeBytes: number;
  /** True: the daemon's limits are raised so that all of the hostile streams stay. */
  readonly held: boolean;
}

/** Of one phase. */
export interface Measured {
  readonly inspects: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly mibPerSecond: number;
}

export interface HostileResult {
  readonly quiet: Measured;
  readonly hostile: Measured;
  readonly afterwards: Measured;
  readonly residentBytes: {
    readonly before: number;
    readonly during: number;
    readonly after: number;
  };
  /** What the hostile client says of itself. */
  readonly report: string;
}

const betweenInspectsMs = 5;

export async function playHostile(options: HostileOptions): Promise<HostileResult> {
  const { directory, halfOpen, slowReaders, seconds, sizeBytes, held } = options;
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
  const [inspecting, moving] = [1, 2].map(() => connect(daemon.address, { token: good }));
  if (inspecting === undefined || moving === undefined) throw new Error("no clients");
  try {
    await moving.create({ config: { name: "large" } }, largeTar(sizeBytes));
    const rss = (): number => residentBytes(daemon.pid);
    const measureFor = (length: number) => measure(inspecting, moving, sizeBytes, length);
    await measureFor(Math.min(5, seconds));
    const before = rss();
    const quiet = await measureFor(Math.min(30, seconds));
    await using hostile = runModule(
      new URL("./hostile-main.js", import.meta.url),
      [daemon.address, String(halfOpen), String(slowReaders)],
      { HOSTILE_TOKEN: bad },
    );
    await hostile.line(/^opened/);
    const during = await measureFor(seconds);
    const most = rss();
    hostile.signal("SIGTERM");
    await hostile.exited;
    const afterwards = await measureFor(Math.min(30, seconds));
    const residentAfter = rss();
    return {
      ...{ quiet, hostile: during, afterwards },
      residentBytes: { before, during: most, after: residentAfter },
      report: hostile.output().trim(),
    };
  } finally {
    inspecting.close();
    moving.close();
  }
}

async function* largeTar(sizeBytes: number): AsyncGenerator<Uint8Array> {
  yield rawHeader({ name: "memory", size: sizeBytes });
  const piece = patternBytes(mib, 1);
  for (let sent = 0; sent < sizeBytes; sent += mib) yield Buffer.from(piece);
  yield endMarker;
}

/** Inspects at a steady pace, and restores without a pause. */
async function measure(
  inspecting: Client,
  moving: Client,
  sizeBytes: number,
  seconds: number,
): Promise<Measured> {
  const end = performance.now() + seconds * 1000;
  const latencies: number[] = [];
  const rates: number[] = [];
  const transfers = async (): Promise<void> => {
    do {
      const before = performance.now();
      await using download = await moving.restore("large");
      let bytes = 0;
      for await (const chunk of download.bytes) bytes += chunk.byteLength;
      if (bytes < sizeBytes) throw new Error(`only ${bytes} bytes came`);
      rates.push(bytes / mib / ((performance.now() - before) / 1000));
    } while (performance.now() < end);
  };
  const inspects = async (): Promise<void> => {
    while (performance.now() < end) {
      const before = performance.now();
      await inspecting.inspect("large");
      latencies.push(performance.now() - before);
      await pause(betweenInspectsMs);
    }
  };
  await Promise.all([transfers(), inspects()]);
  latencies.sort((a, b) => a - b);
  rates.sort((a, b) => a - b);
  const at = (sorted: readonly number[], share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    inspects: latencies.length,
    p50Ms: at(latencies, 0.5),
    p99Ms: at(latencies, 0.99),
    maxMs: latencies.at(-1) ?? 0,
    mibPerSecond: at(rates, 0.5),
  };
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}
