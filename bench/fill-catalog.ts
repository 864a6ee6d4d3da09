// Makes a store whose catalog has many records, each with its (empty) directory.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { systemClock } from "../src/base/clock.js";
import { createLogger } from "../src/base/logger.js";
import { openCatalog } from "../src/catalog/open.js";
import { loadDaemonConfig } from "../src/config/load.js";
import { startDaemon } from "../src/daemon/daemon.js";
import { openLayout } from "../src/files/layout.js";
import { emptyConfig } from "../src/model/config.js";
import { newSnapshotId } from "../src/model/name.js";
import { openLoopback } from "../test/support/daemon.js";
import { storeDefaults } from "../test/support/defaults.js";

/** A daemon in this process over the filled store. */
export interface FilledCatalog extends AsyncDisposable {
  readonly ids: readonly string[];
  readonly address: string;
  readonly store: Awaited<ReturnType<typeof startDaemon>>["store"];
  nameOf(number: number): string;
  /** Returns a record of about the size of an entry in cocoon's JSON index. */
  recordOf(name: string): object;
}

export async function fillCatalog(root: string, records: number): Promise<FilledCatalog> {
  const ids = await fill(root, records);
  const { config } = loadDaemonConfig({ flags: { root, ...openLoopback({}) }, env: {} });
  const daemon = await startDaemon({ config, logger: createLogger("silent") });
  return {
    ids,
    address: daemon.addresses[0] ?? "",
    store: daemon.store,
    nameOf,
    recordOf: (name) => ({
      ...emptyConfig(),
      name,
      hypervisor: "cloud-hypervisor",
      created_at: new Date(0).toISOString(),
      data_dir: `${root}/data/${name}`,
    }),
    [Symbol.asyncDispose]: () => daemon.stop(),
  };
}

function nameOf(number: number): string {
  return `vm/${number}`;
}

async function fill(root: string, records: number): Promise<string[]> {
  const layout = await openLayout(root);
  const catalog = openCatalog(layout.catalogDatabase, {
    clock: systemClock,
    maxEvents: storeDefaults.maxEvents,
  });
  const ids: string[] = [];
  for (let index = 0; index < records; index += 1) {
    const id = newSnapshotId();
    ids.push(id);
    // Recovery looks for the directory of every record, so each one must exist.
    mkdirSync(layout.dataDirectory(id));
    catalog.insertReady({
      config: {
        ...emptyConfig(),
        id,
        name: nameOf(index),
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
