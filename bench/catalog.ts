// `npm run lab -- bench-catalog [RECORDS]`: measures the daemon's cost of finding a snapshot among
// many. It prints medians and 99th percentiles of the domain's calls, and of the same calls through
// gRPC on loopback.
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../src/client/index.js";
import { fillCatalog } from "./fill-catalog.js";
import { removeScratch } from "../test/support/scratch.js";

const records = Number(process.argv[2] ?? 100_000);
const rounds = 500;

/**
 * The store is in memory if possible, because the benchmark measures reads, not the syncs of the
 * setup.
 */
const scratch = await mkdtemp(
  join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "stasis-bench-"),
);
try {
  const root = join(scratch, "root");
  console.log(`filling a catalog with ${records} records`);
  await using filled = await fillCatalog(root, records);
  await using client = connect(filled.address);
  const { ids, store } = filled;
  const any = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;
  const number = () => Math.floor(Math.random() * records);

  console.log(`milliseconds over ${rounds} calls each`);
  await measure("Inspect by id", () => store.inspect(any(ids)));
  await measure("Inspect by name", () => store.inspect(`vm/${number()}`));
  await measure("Inspect by prefix", () => store.inspect(any(ids).slice(0, 12)));
  await measure("first page of 50", () => store.list({ pageSize: 50 }));
  await measure("page of 50 of a label", () =>
    store.list({ pageSize: 50, filter: { labels: { group: String(number() % 100) } } }),
  );
  const { nextPageToken } = store.list({ pageSize: 1000 });
  await measure("later page of 50", () => store.list({ pageSize: 50, pageToken: nextPageToken }));
  await measure("gRPC Inspect by name", () => client.inspect(`vm/${number()}`));
  await measure("gRPC first page of 50", () => client.list({ pageSize: 50 }));
} finally {
  await removeScratch(scratch);
}

async function measure(what: string, call: () => unknown): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(rounds * share)] ?? NaN).toFixed(2).padStart(7);
  console.log(`${what.padEnd(24)} median ${at(0.5)}   p99 ${at(0.99)}`);
}
