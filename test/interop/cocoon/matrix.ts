// Plays each case in each direction: cocoon → us, us → cocoon, cocoon → us → cocoon.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  Compression,
  SparseFormat,
  createFromLocalDirectory,
  type Client,
  type Download,
} from "../../../src/client/index.js";
import type { InteropCase } from "./cases.js";
import {
  compareConfigs,
  compareStoredTree,
  compareTrees,
  exportedConfig,
  ourConfigOf,
} from "./differences.js";
import type { CocoonStore, Peer } from "./peer.js";
import { removeScratch } from "../../support/scratch.js";

export interface Row {
  readonly case: string;
  readonly direction: string;
  readonly archive: string;
  readonly archiveBytes: number;
  readonly segments: number;
  readonly dataBytes: number;
  readonly ms: number;
  /** This is empty if the files, the holes and the configuration are identical. */
  readonly differences: readonly string[];
}

interface Format {
  readonly title: string;
  readonly compression?: Compression;
  readonly sparse?: SparseFormat;
  /**
   * If this is true, the direction is skipped for large files, which take long and show nothing
   * new.
   */
  readonly small?: boolean;
}

const raw: Format = { title: "raw" };
const gzip: Format = { title: "gzip", compression: Compression.GZIP };
const ours: readonly Format[] = [
  raw,
  gzip,
  { title: "raw, own records", sparse: SparseFormat.COCOON, small: true },
  { ...gzip, title: "gzip, plain", sparse: SparseFormat.NONE, small: true },
];

/** Calls `onRow` with each finished row. Makes all files below `scratch` and deletes them. */
export async function playCase(
  each: InteropCase,
  peer: Peer,
  client: Client,
  scratch: string,
  onRow: (row: Row) => void,
): Promise<void> {
  const folder = await mkdtemp(join(scratch, "case-"));
  try {
    const source = join(folder, "source");
    await each.make(source);
    const stage = new Stage(each, peer, client, folder, source, onRow);
    await stage.fromCocoon();
    await stage.toCocoon();
  } finally {
    await removeScratch(folder);
  }
}

class Stage {
  private stores = 0;

  constructor(
    private readonly each: InteropCase,
    private readonly peer: Peer,
    private readonly client: Client,
    private readonly folder: string,
    private readonly source: string,
    private readonly onRow: (row: Row) => void,
  ) {}

  /** Imports from cocoon, and exports to another cocoon. */
  async fromCocoon(): Promise<void> {
    const { client, source, folder } = this;
    const config = { ...this.each.config, ...this.each.more };
    const store = await this.newStore();
    const id = await store.create(config, source);
    const kept = compareConfigs(withoutId(await store.inspect(id)), config);
    const { differences } = await compareTrees(store.directoryOf(id), source);
    if (kept.length + differences.length > 0) {
      throw new Error(`cocoon did not keep ${this.each.name}: ${[...kept, ...differences].join()}`);
    }
    const file = join(folder, "from-cocoon");
    for (const format of [raw, gzip]) {
      await this.row("cocoon → us", format.title, file, async () => {
        await store.export(id, file, { gzip: format === gzip });
        const { snapshot } = await client.import({}, createReadStream(file));
        return this.checkOurs(snapshot?.config?.id ?? "", config);
      });
      const second = join(folder, "from-us");
      await this.row("cocoon → us → cocoon", format.title, second, async () => {
        const { config: stored } = await this.theOne();
        return this.exportToCocoon(stored, format, second, config);
      });
      await this.emptyOurs();
    }
    if (this.each.large === true) return;
    await this.row("cocoon → us", "Restore → Create", file, async () => {
      await store.restore(id, file);
      const created = await client.create(
        { config: ourConfigOf(this.each.config) },
        createReadStream(file),
      );
      return this.checkOurs(created.snapshot?.config?.id ?? "", this.each.config);
    });
    await this.emptyOurs();
  }

  async toCocoon(): Promise<void> {
    const { client, source, folder } = this;
    const header = { config: ourConfigOf(this.each.config) };
    const { snapshot } = await createFromLocalDirectory(client, source, header);
    const ref = snapshot?.config?.id ?? "";
    const file = join(folder, "from-us");
    for (const format of ours) {
      if (format.small === true && this.each.large === true) continue;
      await this.row("us → cocoon", format.title, file, () =>
        this.exportToCocoon(ref, format, file, this.each.config),
      );
    }
    if (this.each.large !== true) {
      await this.row("us → cocoon", "Restore → Create", file, async () => {
        await save(await client.restore(ref), file);
        const store = await this.newStore();
        const id = await store.create(this.each.config, file);
        return compareTrees(store.directoryOf(id), source);
      });
    }
    await this.emptyOurs();
  }

  private async checkOurs(ref: string, expected: Readonly<Record<string, unknown>>) {
    const { snapshot } = await this.client.inspect(ref);
    if (snapshot?.config === undefined) throw new Error("Inspect gave no configuration");
    const files = await compareStoredTree(this.client, ref, this.source);
    const { $typeName: _type, id: _id, labels: _labels, ...config } = snapshot.config;
    const differences = [
      ...files.differences,
      ...compareConfigs(config, ourConfigOf(this.each.config)),
    ];
    if (this.each.large !== true) {
      const exported = await exportedConfig(this.client, ref, this.folder);
      differences.push(...compareConfigs(exported, expected));
    }
    return { ...files, differences };
  }

  /**
   * Exports to cocoon. If cocoon refuses the map, as the warnings must have announced, exports the
   * holes as zeros.
   */
  private async exportToCocoon(
    ref: string,
    format: Format,
    file: string,
    expected: Readonly<Record<string, unknown>>,
  ) {
    const download = await this.client.export({ ref, ...options(format) });
    const refuses = download.header.warnings.some(({ readers }) => readers.includes("cocoon"));
    await save(download, file);
    try {
      return await this.checkCocoon(file, expected);
    } catch (error) {
      if (!refuses || !String(error).includes("sparse map too long")) throw error;
      const plain = { ...options(format), sparseFormat: SparseFormat.NONE };
      await save(await this.client.export({ ref, ...plain }), file);
      return await this.checkCocoon(file, expected);
    }
  }

  /** Imports the archive into a new store of cocoon, and compares the result. */
  private async checkCocoon(file: string, expected: Readonly<Record<string, unknown>>) {
    const store = await this.newStore();
    const { id } = await store.import(file);
    const files = await compareTrees(store.directoryOf(id), this.source);
    const config = compareConfigs(withoutId(await store.inspect(id)), expected);
    await removeScratch(store.root);
    return { ...files, differences: [...files.differences, ...config] };
  }

  private async row(
    direction: string,
    archive: string,
    file: string,
    play: () => Promise<Pick<Row, "segments" | "dataBytes" | "differences">>,
  ): Promise<void> {
    const started = performance.now();
    const outcome = await play().catch((error: unknown) => ({
      segments: 0,
      dataBytes: 0,
      differences: [error instanceof Error ? error.message : String(error)],
    }));
    const ms = performance.now() - started;
    const archiveBytes = await stat(file).then(
      ({ size }) => size,
      () => 0,
    );
    await rm(file, { force: true });
    this.onRow({ case: this.each.name, direction, archive, archiveBytes, ms, ...outcome });
  }

  private async newStore(): Promise<CocoonStore> {
    const root = join(this.folder, `cocoon-${this.stores++}`);
    await mkdir(root);
    return this.peer.open(root);
  }

  private async theOne(): Promise<{ config: string }> {
    const { snapshots } = await this.client.list({});
    return { config: snapshots[0]?.config?.id ?? "" };
  }

  private async emptyOurs(): Promise<void> {
    await this.client.collectGarbage({ policy: { evictAll: true } });
  }
}

function options({ compression, sparse }: Format) {
  return {
    ...(compression === undefined ? {} : { compression }),
    ...(sparse === undefined ? {} : { sparseFormat: sparse }),
  };
}

function withoutId(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { id: _id, created_at: _createdAt, ...rest } = record;
  return rest;
}

async function save(download: Download, file: string): Promise<void> {
  await using whole = download;
  await pipeline(whole.bytes, createWriteStream(file));
}
