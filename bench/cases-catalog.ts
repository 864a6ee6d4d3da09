// Measures finding one of many snapshots. It compares the catalog on the server with a JSON index
// like that of cocoon, which is read and written as a whole.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.js";
import { openCatalog, type Catalog } from "../src/catalog/open.js";
import { emptyConfig } from "../src/model/config.js";
import { newSnapshotId } from "../src/model/name.js";
import { alternate, type Case } from "./alternate.js";
import { fillCatalogFile } from "./fill-catalog-file.js";
import type { Row } from "./report.js";
import { millisecondRows, ratios } from "./rows.js";
import { withScratch } from "./scene.js";
import { storeDefaults } from "../test/support/defaults.js";

/**
 * Measures one size. `records` is at most a million, because a larger index does not fit in one
 * string of V8.
 */
export async function catalogCases(records: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const path = join(scratch, "catalog.db");
    openCatalog(path, { clock: systemClock, maxEvents: storeDefaults.maxEvents }).close();
    const ids = fillCatalogFile(path, records);
    const catalog = openCatalog(path, { clock: systemClock, maxEvents: storeDefaults.maxEvents });
    const index = join(scratch, "index.json");
    writeIndex(index, Object.fromEntries(ids.map((id, n) => [id, indexRecord(`vm/${n}`)])));
    let turn = 0;
    const any = (): number => (turn += 7919) % records;
    const ours: Case[] = [
      repeated("Inspect by name", 200, () => void catalog.resolveRef(`vm/${any()}`)),
      repeated("Inspect by 12 characters of an id", 200, () => {
        catalog.resolveRef((ids[any()] ?? "").slice(0, 12));
      }),
      repeated("List, first page of 50", 50, () => void catalog.list({ pageSize: 50 })),
      repeated("insert, durable", 20, () => insert(catalog)),
    ];
    const theirs: Case[] = [
      repeated("Inspect by name in a JSON index", 1, () => {
        const wanted = `vm/${any()}`;
        const found = Object.values(readIndex(index)).find(({ name }) => name === wanted);
        if (found === undefined) throw new Error(`no ${wanted}`);
      }),
      repeated("insert into a JSON index, durable", 1, () => {
        const id = newSnapshotId();
        writeIndex(index, { ...readIndex(index), [id]: indexRecord(`new/${id}`) });
      }),
    ];
    const outcomes = await alternate([...ours, ...theirs], rounds);
    catalog.close();
    const group = `Catalog of ${records.toLocaleString("en")} records, at the server`;
    const goals = [
      {
        subject: "Inspect by name",
        peer: "Inspect by name in a JSON index",
        ...(records === 100_000 && { must: 500, aim: 2000 }),
      },
      { subject: "insert, durable", peer: "insert into a JSON index, durable" },
    ];
    return [
      ...millisecondRows(group, outcomes),
      ...ratios(`${group}: the index's time ÷ ours`, outcomes, goals),
    ];
  });
}

/**
 * Makes a case in which one run is the mean of `count` calls, because a single call is below a
 * timer's resolution.
 */
function repeated(name: string, count: number, call: () => void): Case {
  const run = (): Promise<number> => {
    const began = performance.now();
    for (let done = 0; done < count; done += 1) call();
    return Promise.resolve((performance.now() - began) / count);
  };
  return { name, bytes: 0, run };
}

function insert(catalog: Catalog): void {
  const id = newSnapshotId();
  catalog.insertReady({
    config: { ...emptyConfig(), id, name: `new/${id}`, labels: { vm: "web-1" } },
    createdAt: new Date(),
    protected: false,
    files: [],
    digest: "",
    revision: 1,
  });
}

interface IndexRecord {
  readonly name: string;
}

/** Returns a record of about the size of an entry in cocoon's index. */
function indexRecord(name: string): IndexRecord {
  const created = new Date(0).toISOString();
  const record = { name, cpu: 2, memory: 2 ** 30, storage: 10 * 2 ** 30, pending: false };
  return { ...record, image: "debian-12", created_at: created } as IndexRecord;
}

function readIndex(path: string): Record<string, IndexRecord> {
  const text = readFileSync(path, "utf8");
  return (JSON.parse(text) as { snapshots: Record<string, IndexRecord> }).snapshots;
}

function writeIndex(path: string, snapshots: Record<string, IndexRecord>): void {
  const file = openSync(`${path}.new`, "w");
  writeFileSync(file, JSON.stringify({ snapshots }));
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
}
