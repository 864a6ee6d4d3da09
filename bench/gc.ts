// `npm run bench:gc [-- ROWS [REMOVED]]`: what a collection costs a daemon with many snapshots: time and
// memory of a plan, and how long Inspect waits at worst while snapshots are removed.
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "../src/base/clock.js";
import { createLogger } from "../src/base/logger.js";
import { openCatalog } from "../src/catalog/open.js";
import { openLayout, type Layout } from "../src/data/layout.js";
import { planCollection, type GcPolicy, type GcSnapshot } from "../src/model/gc-plan.js";
import { openStore } from "../src/snapshot/store.js";
import { fillCatalogFile } from "./fill-catalog-file.js";

const rows = Number(process.argv[2] ?? 1_000_000);
const removed = Number(process.argv[3] ?? 10_000);
const mib = 1024 * 1024;

const scratch = await mkdtemp(join(tmpdir(), "stasis-bench-"));
try {
  await planMany(join(scratch, "many"));
  await removeMany(join(scratch, "removed"));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** Reads the rows as the daemon does, in short steps, and plans over them in one go. */
async function planMany(directory: string): Promise<void> {
  mkdirSync(directory);
  const path = join(directory, "catalog.db");
  openCatalog(path, { clock: systemClock }).close();
  console.log(`filling a catalog with ${rows} rows`);
  fillCatalogFile(path, rows);
  using catalog = disposable(openCatalog(path, { clock: systemClock }));
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
  const input = { snapshots, inUse: new Set<string>(), leftovers: [], now: new Date() };
  const planStarted = performance.now();
  const planned = planCollection({ ...input, policy });
  const planMs = performance.now() - planStarted;
  peak = Math.max(peak, process.memoryUsage.rss());
  console.log(
    `plan over ${snapshots.length} rows: read ${seconds(readMs)}, planned ${seconds(planMs)}, ` +
      `together ${seconds(readMs + planMs)}; ${Math.round((peak - before) / mib)} MiB; ` +
      `${planned.length} candidates`,
  );
}

/** Inspects one snapshot again and again while the others are removed. */
async function removeMany(root: string): Promise<void> {
  const layout = await openLayout(root);
  fillStore(layout, removed + 1);
  await using store = await openStore({
    root,
    clock: systemClock,
    logger: createLogger("silent"),
  });
  const [kept] = store.list({ pageSize: 1 }).snapshots;
  const ref = kept?.config.id ?? "";
  let ended = false;
  const waits: number[] = [];
  const inspecting = (async () => {
    while (!ended) {
      const asked = performance.now();
      // An Inspect that comes in now is answered in the next turn of the event loop.
      await nextTurn();
      store.inspect(ref);
      waits.push(performance.now() - asked);
    }
  })();
  const started = performance.now();
  const results = await store.collectGarbage(
    { policy: { keepLast: 1 }, dryRun: false },
    new AbortController().signal,
  );
  const ms = performance.now() - started;
  ended = true;
  await inspecting;
  const gone = results.filter(({ outcome }) => outcome === "removed").length;
  waits.sort((a, b) => a - b);
  const at = (share: number): string =>
    (waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? NaN).toFixed(2);
  console.log(
    `removed ${gone} snapshots in ${seconds(ms)}; Inspect meanwhile, ${waits.length} times: ` +
      `median ${at(0.5)} ms, p99.9 ${at(0.999)} ms, worst ${at(1)} ms`,
  );
}

function fillStore(layout: Layout, count: number): void {
  openCatalog(layout.catalogDatabase, { clock: systemClock }).close();
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
