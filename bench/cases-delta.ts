// Measures checkpoints of a VM in which a small part of the pages has changed. Each delta is
// compared with its peer: a reflink of the parent's file, into which the changed pages are written.
// There are two patterns. In `hot`, the changed pages lie together, as in most guests. In `random`,
// they are scattered. This is the worst case, because most blocks then have a changed page.
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { connect, createDeltaFromLocalDirectory, type Client } from "../src/client/index.js";
import { alternate, median, type Case, type Outcome } from "./alternate.js";
import type { Row } from "./report.js";
import { millisecondRows } from "./rows.js";
import { drop, gib, makeDense, mib, startDaemon, withScratch } from "./scene.js";
import { shell } from "./shell.js";
import { canMount, mountImage } from "./xfs-image.js";

const pageBytes = 4096;
/** The number of pages in a cluster of hot pages. */
const clusterPages = 256;
const dirtyShare = 0.02;
const deltasInARow = 1000;

type Pattern = "hot" | "random";

/** Measures all cases. `scale` shortens the chain of deltas. */
export async function deltaCases(bytes: number, rounds: number, scale: number): Promise<Row[]> {
  const group = `Delta on xfs: ${bytes / mib} MiB, ${100 * dirtyShare} % of the pages dirty`;
  const why = await canMount();
  if (why !== undefined) return [{ group, name: "delta", unit: "skipped", value: 0, note: why }];
  return withScratch(async (scratch) => {
    await using mounted = await mountImage(scratch, 3 * bytes + 4 * gib);
    const scene = await openScene(mounted.directory, bytes);
    await using daemon = await startDaemon(join(mounted.directory, "root"));
    // Calls on directories of the node need the socket.
    await using client = connect(daemon.socketAddress);
    await createParent(client, scene, mounted.directory);
    const stored = await storedFile(client, daemon.root);
    const rows: Row[] = [];
    for (const pattern of ["hot", "random"] as const) {
      const cases = casesOf(client, scene, stored, pattern);
      const outcomes = await alternate(cases, rounds);
      rows.push(...millisecondRows(group, outcomes), ...ratioRows(group, pattern, outcomes));
    }
    rows.push(await writtenRow(group, client, scene, mounted.directory));
    rows.push(await chainRow(group, client, scene, Math.max(20, Math.round(deltasInARow * scale))));
    return rows;
  });
}

interface Scene {
  readonly directory: string;
  readonly bytes: number;
  readonly source: string;
  readonly pages: Readonly<Record<Pattern, readonly number[]>>;
}

async function openScene(directory: string, bytes: number): Promise<Scene> {
  const source = await makeDense(join(directory, "source"), bytes);
  const all = bytes / pageBytes;
  const count = Math.floor(all * dirtyShare);
  const pages = { hot: hotPages(all, count), random: randomPages(all, count) };
  for (const pattern of ["hot", "random"] as const) {
    await mkdir(join(directory, pattern));
    const file = openSync(join(directory, pattern, "memory"), "wx");
    ftruncateSync(file, bytes);
    writePages(file, pages[pattern]);
    fsyncSync(file);
    closeSync(file);
  }
  return { directory, bytes, source, pages };
}

function hotPages(all: number, count: number): number[] {
  const clusters = Math.max(1, Math.floor(count / clusterPages));
  const step = Math.floor(all / clusters);
  // Clusters start at uneven distances, so that they do not begin where blocks do.
  const first = (cluster: number): number => cluster * step + ((cluster * 37) % 64);
  return Array.from({ length: clusters * clusterPages }, (_, index) => {
    const page = first(Math.floor(index / clusterPages)) + (index % clusterPages);
    return Math.min(page, all - 1);
  });
}

function randomPages(all: number, count: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(Math.random() * all));
  return [...chosen].sort((a, b) => a - b);
}

function writePages(file: number, pages: readonly number[]): void {
  const page = randomFillSync(Buffer.alloc(pageBytes));
  for (const index of pages) writeSync(file, page, 0, pageBytes, index * pageBytes);
}

async function createParent(client: Client, { source }: Scene, mount: string): Promise<void> {
  await client.createFromDirectory({ directory: source, config: { name: "parent" } });
  const end = performance.now() + 10 * 60_000;
  while ((await client.inspect("parent")).snapshot?.digest === "") {
    if (performance.now() > end) throw new Error("the digests are not computed");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await shell(`sync -f '${mount}'`);
}

async function storedFile(client: Client, root: string): Promise<string> {
  const { snapshot } = await client.inspect("parent");
  return join(root, "data", snapshot?.config?.id ?? "", "files", "memory");
}

function headerOf(parent: string, name: string) {
  return { config: { name }, parent, deltaFiles: ["memory"] };
}

function casesOf(client: Client, scene: Scene, stored: string, pattern: Pattern): Case[] {
  const directory = join(scene.directory, pattern);
  const header = headerOf("parent", "child");
  const dropChild = (): Promise<void> => drop(client, "child");
  const copy = join(scene.directory, "copy");
  const writeOver = async (): Promise<void> => {
    await shell(`cp --reflink=always '${stored}' '${copy}' && chmod 600 '${copy}'`);
    const file = openSync(copy, "r+");
    writePages(file, scene.pages[pattern]);
    fsyncSync(file);
    closeSync(file);
  };
  return [
    {
      name: `${pattern}: CreateDeltaFromDirectory`,
      run: async () => void (await client.createDeltaFromDirectory({ ...header, directory })),
      after: dropChild,
      bytes: 0,
    },
    {
      name: `${pattern}: cp --reflink, pwrite, fsync`,
      run: writeOver,
      after: () => rm(copy, { force: true }),
      bytes: 0,
    },
    {
      name: `${pattern}: Create over gRPC`,
      run: async () => void (await createDeltaFromLocalDirectory(client, directory, header)),
      after: dropChild,
      bytes: 0,
    },
  ];
}

function ratioRows(group: string, pattern: Pattern, outcomes: readonly Outcome[]): Row[] {
  const [direct, peer, sent] = outcomes.map(({ times }) => times);
  const ratioOf = (name: string, above: typeof direct, below: typeof direct): Row => {
    const each = (above ?? []).map((ms, round) => ms / (below?.[round] ?? Number.NaN));
    const [low, high] = [Math.min(...each), Math.max(...each)];
    return { group, name: `${pattern}: ${name}`, unit: "ratio", value: median(each), low, high };
  };
  const atMost = true;
  return [
    { ...ratioOf("from a directory ÷ its peer", direct, peer), must: 2, aim: 1.3, atMost },
    { ...ratioOf("over gRPC ÷ from a directory", sent, direct), must: 2.5, aim: 1.5, atMost },
  ];
}

/** Divides the bytes that the disk writes for one delta of random pages by these pages' bytes. */
async function writtenRow(
  group: string,
  client: Client,
  { directory, pages }: Scene,
  mount: string,
): Promise<Row> {
  const device = await deviceOf(mount);
  await shell(`sync -f '${mount}'`);
  const before = writtenBytes(device);
  await client.createDeltaFromDirectory({
    ...headerOf("parent", "child"),
    directory: join(directory, "random"),
  });
  await shell(`sync -f '${mount}'`);
  const value = (writtenBytes(device) - before) / (pages.random.length * pageBytes);
  await drop(client, "child");
  const name = "random: bytes written ÷ dirty pages";
  return { group, name, unit: "ratio", value, must: 1.5, aim: 1.1, atMost: true };
}

async function deviceOf(mount: string): Promise<string> {
  const { stdout } = await promisify(execFile)("findmnt", ["-no", "SOURCE", mount]);
  return basename(stdout.trim());
}

/** Returns the bytes written. The seventh field of block/stat counts sectors of 512 bytes. */
function writtenBytes(device: string): number {
  const fields = readFileSync(`/sys/block/${device}/stat`, "utf8").trim().split(/\s+/);
  return Number(fields[6]) * 512;
}

/** Checkpoints one VM again and again: each delta is the parent of the next. */
async function chainRow(
  group: string,
  client: Client,
  { directory }: Scene,
  count: number,
): Promise<Row> {
  const times: number[] = [];
  let parent = "parent";
  for (let index = 0; index < count; index += 1) {
    const name = `chain-${index}`;
    const started = performance.now();
    await client.createDeltaFromDirectory({
      ...headerOf(parent, name),
      directory: join(directory, "hot"),
    });
    times.push(performance.now() - started);
    if (parent !== "parent") await client.delete(parent);
    parent = name;
  }
  await drop(client, parent);
  const value = median(times.slice(-10)) / median(times.slice(0, 10));
  const name = `${count} hot deltas in a row: last ten ÷ first ten`;
  return { group, name, unit: "ratio", value, must: 1.2, aim: 1, atMost: true };
}
