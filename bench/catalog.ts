// `npm run bench:catalog [-- RECORDS]`: what finding a snapshot costs the daemon when there are many.
// Prints medians and 99th percentiles of the domain's calls, and the same through gRPC on loopback.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.js";
import { createLogger } from "../src/base/logger.js";
import { openCatalog } from "../src/catalog/open.js";
import { connect } from "../src/client/index.js";
import { loadDaemonConfig } from "../src/config/load.js";
import { startDaemon } from "../src/daemon/daemon.js";
import { openLayout } from "../src/data/layout.js";
import { emptyConfig } from "../src/model/config.js";
import { newSnapshotId } from "../src/model/name.js";
import { mkdirSync } from "node:fs";

const records = Number(process.argv[2] ?? 100_000);
const rounds = 500;

/** In memory where that is possible: reading is measured, not the syncs of filling. */
const scratch = await mkdtemp(
  join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "stasis-bench-"),
);
try {
  const root = join(scratch, "root");
  console.log(`filling a catalog with ${records} records`);
  const ids = await fill(root);
  const { config } = loadDaemonConfig({ flags: { root, listen: "127.0.0.1:0" }, env: {} });
  await using daemon = await startDaemon({ config, logger: createLogger("silent") });
  await using client = connect(daemon.addresses[0] ?? "");
  const { store } = daemon;
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
  await rm(scratch, { recursive: true, force: true });
}

async function fill(root: string): Promise<string[]> {
  const layout = await openLayout(root);
  const catalog = openCatalog(layout.catalogDatabase, { clock: systemClock });
  const ids: string[] = [];
  for (let index = 0; index < records; index += 1) {
    const id = newSnapshotId();
    ids.push(id);
    // Recovery looks for the directory of every record.
    mkdirSync(layout.dataDirectory(id));
    catalog.insertReady({
      config: {
        ...emptyConfig(),
        id,
        name: `vm/${index}`,
        hypervisor: "cloud-hypervisor",
        labels: { group: String(index % 100), vm: `web-${index % 5000}` },
      },
      createdAt: new Date(Date.now() - (records - index) * 1000),
      protected: false,
      files: ["cow.raw", "memory-ranges", "state.json"].map((name) => ({
        name,
        sizeBytes: 4096,
        allocatedBytes: 4096,
        mode: 0o600,
        digest: `sha256:${randomBytes(32).toString("hex")}`,
      })),
      digest: `sha256:${randomBytes(32).toString("hex")}`,
      revision: 1,
    });
  }
  catalog.close();
  return ids;
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
