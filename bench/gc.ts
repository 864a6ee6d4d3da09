// `npm run lab -- bench-gc [ROWS [REMOVED]]`: measures the cost of a collection in a daemon with
// many snapshots. It prints time and memory of a plan, and the longest wait of Inspect while
// snapshots are evicted.
import { mkdirSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../src/base/clock.js";
import { openCatalog } from "../src/catalog/open.js";
import { openLayout, type Layout } from "../src/files/layout.js";
import { planCollection, type GcPolicy, type GcSnapshot } from "../src/model/gc-plan.js";
import { GcOutcome } from "../src/client/index.js";
import { runModule } from "../test/support/child.js";
import { fillCatalogFile } from "./fill-catalog-file.js";
import type { LoopDelays } from "./loop-delay.js";
import { startDaemon, type Daemon } from "./scene.js";
import { removeScratch } from "../test/support/scratch.js";
import { storeDefaults } from "../test/support/defaults.js";

const rows = Number(process.argv[2] ?? 1_000_000);
const removed = Number(process.argv[3] ?? 10_000);
const mib = 1024 * 1024;
/** Number of requested delay reports. */
let asked = 0;

const scratch = await mkdtemp(join(tmpdir(), "stasis-bench-"));
try {
  await planMany(join(scratch, "many"));
  await removeMany(join(scratch, "removed"));
} finally {
  await removeScratch(scratch);
}

/**
 * Reads the rows in short steps, as the daemon does, and then plans a collection over all of them.
 */
async function planMany(directory: string): Promise<void> {
  mkdirSync(directory);
  const path = join(directory, "catalog.db");
  openCatalog(path, { clock: systemClock, maxEvents: storeDefaults.maxEvents }).close();
  console.log(`filling a catalog with ${rows} rows`);
  fillCatalogFile(path, rows);
  using catalog = disposable(
    openCatalog(path, { clock: systemClock, maxEvents: storeDefaults.maxEvents }),
  );
  global.gc?.();
  const before = process.memoryUsage().rss;
  let peak = before;
  const started = performance.now();
  const snapshots: GcSnapshot[] = [];
  for (let after: GcSnapshot | undefined; ;) {
    const page = catalog.gcPage("vm", after, 500);
    snapshots.push(...page);
    after = page.at(-1);
    if (after === undefined) break;
    await nextTurn();
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  const readMs = performance.now() - started;
  const policy: GcPolicy = {
    keepLast: 150,
    groupByLabel: "vm",
    maxAgeMs: 3600_000,
    maxTotalBytes: 2 ** 40,
  };
  const input = {
    snapshots,
    inUse: new Set<string>(),
    leftovers: [],
    oldStampMs: Date.now() - 3600_000,
  };
  const planStarted = performance.now();
  let planned = 0;
  for (const _ of planCollection({ ...input, policy })) planned += 1;
  const planMs = performance.now() - planStarted;
  peak = Math.max(peak, process.memoryUsage.rss());
  console.log(
    `plan over ${snapshots.length} rows: read ${seconds(readMs)}, planned ${seconds(planMs)}, ` +
      `together ${seconds(readMs + planMs)}; ${Math.round((peak - before) / mib)} MiB; ` +
      `${planned} candidates`,
  );
}

/**
 * Evicts many snapshots. A client in its own process inspects one snapshot repeatedly: first alone,
 * then while the others are evicted. On a shared machine both have outliers. The delays of the
 * daemon's event loop show the part that the daemon itself causes.
 */
async function removeMany(root: string): Promise<void> {
  const layout = await openLayout(root);
  fillStore(layout, removed + 1);
  const preload = new URL("./loop-delay.js", import.meta.url).href;
  await using daemon = await startDaemon(root, {}, { NODE_OPTIONS: `--import=${preload}` });
  const { snapshots } = await daemon.client.list({ pageSize: 1 });
  const ref = snapshots[0]?.config?.id ?? "";
  let tookMs = 0;
  const collecting = async (): Promise<string> => {
    const started = performance.now();
    const request = { policy: { keepLast: 1 } };
    const { candidates } = await daemon.client.collectGarbage(request, { timeoutMs: 1_800_000 });
    tookMs = performance.now() - started;
    const gone = candidates.filter(({ outcome }) => outcome === GcOutcome.REMOVED).length;
    return `while ${gone} are removed in ${seconds(tookMs)}`;
  };
  const during = await inspectMeanwhile(daemon, ref, collecting);
  const alone = await inspectMeanwhile(daemon, ref, async () => {
    await pause(tookMs);
    return `for ${seconds(tookMs)} without a collection`;
  });
  console.log([during, alone].join("\n"));
}

async function inspectMeanwhile(
  daemon: Daemon,
  ref: string,
  work: () => Promise<string>,
): Promise<string> {
  await using load = runModule(new URL("./inspect-load.js", import.meta.url), [
    daemon.address,
    ref,
  ]);
  await load.line(/^started$/);
  await loopDelays(daemon);
  const what = await work();
  const loop = await loopDelays(daemon);
  load.signal("SIGTERM");
  const [, text = ""] = await load.line(/^(\[.*\])$/);
  const waits = (JSON.parse(text) as number[]).sort((a, b) => a - b);
  const at = (share: number): string =>
    (waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? NaN).toFixed(2);
  return (
    `Inspect ${what}, ${waits.length} times: median ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
    `p99.9 ${at(0.999)} ms, worst ${at(1)} ms; the daemon's event loop: p99.9 ` +
    `${loop.p999Ms.toFixed(2)} ms, worst ${loop.worstMs.toFixed(2)} ms, of which on the processor at ` +
    `worst ${loop.worstCpuMs.toFixed(2)} ms`
  );
}

/** Returns the delays since the last report. */
async function loopDelays({ process: child }: Daemon): Promise<LoopDelays> {
  asked += 1;
  child.signal("SIGUSR2");
  const [, text = ""] = await child.line(new RegExp(`^loop ${asked} (.*)$`));
  return JSON.parse(text) as LoopDelays;
}

function fillStore(layout: Layout, count: number): void {
  openCatalog(layout.catalogDatabase, {
    clock: systemClock,
    maxEvents: storeDefaults.maxEvents,
  }).close();
  for (const id of fillCatalogFile(layout.catalogDatabase, count)) {
    mkdirSync(layout.filesDirectory(id), { recursive: true });
  }
}

function disposable<T extends { close(): void }>(value: T): T & Disposable {
  return Object.assign(value, { [Symbol.dispose]: () => value.close() });
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
