// `npm run lab -- bench-replication [CASE...] [--mib 4096] [--namespaces]`: measures pulls. It
// prints their bytes on the wire, their speed compared with Export | Import, their memory, and the
// time to choose a base. Each result is one line.
import { randomBytes, randomFillSync, randomInt } from "node:crypto";
import { cp, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createFromLocalDirectory } from "../src/client/index.js";
import { countSharedBlocks, indexBlocks } from "../src/files/block-access.js";
import { encodeBlockTable, readBlockTable } from "../src/files/block-table-codec.js";
import { currentAlgorithm, digestBytes } from "../src/files/block-digest.js";
import { blockBytes, rootDigest, type BlockTable } from "../src/files/block-table.js";
import { maxBases } from "../src/replication/base-choice.js";
import { openLoopbackLink, openNamespaceLink, peakMib, type Link } from "./replication-link.js";
import { makeDense, makeSparse, mib, withScratch } from "./scene.js";
import { removeScratch } from "../test/support/scratch.js";

const pageBytes = 4096;
const changedShare = 0.02;
const roundTripMs = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Data of the snapshots of `wire` and `rate`, and of the tables of `bases`, in MiB. */
    mib: { type: "string", default: "1024" },
    rounds: { type: "string", default: "3" },
    /**
     * Whether to use a link of 1 Gbit/s and 20 ms between two network namespaces, which needs root.
     */
    namespaces: { type: "boolean", default: false },
  },
});
const sizeMib = Number(values.mib);
const rounds = Number(values.rounds);

const cases: Readonly<Record<string, (link: Link, scratch: string) => Promise<void>>> = {
  wire: wireCase,
  rate: rateCase,
  memory: memoryCase,
  bases: basesCase,
};

const wanted = positionals.length === 0 ? Object.keys(cases) : positionals;
for (const name of wanted) {
  const measure = cases[name];
  if (measure === undefined) {
    console.error(`expected ${Object.keys(cases).join(", ")}, got ${name}`);
    process.exit(2);
  }
  await withScratch(async (scratch) => {
    await using link = values.namespaces
      ? await openNamespaceLink(scratch, roundTripMs)
      : await openLoopbackLink(scratch);
    await measure(link, scratch);
  });
}

/** Measures bytes on the wire, by the receiver's content and by the changes. */
async function wireCase(link: Link, scratch: string): Promise<void> {
  const { from, to } = link;
  const directory = await makeDense(join(scratch, "vm"), sizeMib * mib);
  await store(link, directory, "parent");
  await pull(link, "parent", "parent", "no base");
  await pull(link, "parent", "again", "the same under another name");
  await to.client.delete("again");
  const pages = await change(join(directory, "memory"), (page) => randomBytes(page.length));
  await store(link, directory, "random");
  const changedMib = (pages * pageBytes) / mib;
  await pull(link, "random", "random", "child, 2 % of the pages, incompressible", changedMib);
  await from.client.delete("random");
  await to.client.delete("random");
  await removeScratch(directory);
  await restoreParent(link, directory);
  await change(join(directory, "memory"), (page) => {
    for (let count = 0; count < page.length / 20; count += 1) {
      page[randomInt(page.length)] = randomInt(256);
    }
    return page;
  });
  await store(link, directory, "sparse");
  await pull(link, "sparse", "sparse", "child, 2 % of the pages in 5 % of their bytes", changedMib);
}

/** Measures a pull without a base and Export | Import over the same link, alternately. */
async function rateCase(link: Link, scratch: string): Promise<void> {
  const directory = await makeDense(join(scratch, "vm"), sizeMib * mib);
  await store(link, directory, "vm");
  await removeScratch(directory);
  const { peer, to } = link;
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const pulling = await timed(() =>
      link.stasis(`--addr ${to.address} pull ${peer} vm --as vm-${round}`),
    );
    await to.client.delete(`vm-${round}`);
    const relaying = await timed(() =>
      link.stasis(
        `--addr ${peer} export vm -o -`,
        `--addr ${to.address} import - --name vm-${round}`,
      ),
    );
    await to.client.delete(`vm-${round}`);
    ratios.push(relaying / pulling);
    print(
      link,
      `round ${round}, no base`,
      `pull ${rate(pulling)}, Export | Import ${rate(relaying)}`,
    );
  }
  const median = [...ratios].sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0;
  print(link, "pull / (Export | Import)", `${(median * 100).toFixed(0)} % of its rate`);
}

/**
 * Measures the memory of pulls of 16 GiB with 4 GiB of data: first of a snapshot without a base,
 * and then of its child.
 */
async function memoryCase(link: Link, scratch: string): Promise<void> {
  const directory = await makeSparse(join(scratch, "vm"), 16 * 1024 * mib, 4 * 1024 * mib);
  await store(link, directory, "parent");
  await pull(link, "parent", "parent", "16 GiB with 4 GiB of data, no base");
  await printPeaks(link);
  await change(join(directory, "cow.raw"), (page) => randomBytes(page.length));
  await store(link, directory, "child");
  await pull(link, "child", "child", "its child, 2 % of all pages");
  await printPeaks(link);
}

/**
 * Measures the time to find the best of the maximum number of bases. Each table is read, checked
 * and compared.
 */
async function basesCase(link: Link, scratch: string): Promise<void> {
  const blocks = (sizeMib * mib) / blockBytes;
  const target = randomTable(blocks);
  const paths = Array.from({ length: maxBases }, (_, base) => join(scratch, `${base}.blk`));
  for (const [base, path] of paths.entries()) {
    const table = { ...target, digests: Buffer.from(target.digests) };
    randomFillSync(table.digests, 0, Math.floor((blocks * base) / maxBases) * digestBytes);
    await writeFile(path, encodeBlockTable(table));
  }
  const shared: number[] = [];
  const index = indexBlocks(target);
  const seconds = await timed(async () => {
    for (const path of paths) {
      const table = await readBlockTable(path);
      rootDigest(table);
      shared.push(countSharedBlocks(index, indexBlocks(table)));
    }
  });
  const best = shared.indexOf(Math.max(...shared));
  const took = `${(seconds * 1000).toFixed(0)} ms, the best is number ${best}`;
  print(link, `${maxBases} bases of ${blocks} blocks compared`, took);
}

function randomTable(blocks: number): BlockTable {
  return {
    sizeBytes: blocks * blockBytes,
    blockSizeBytes: blockBytes,
    runs: [{ kind: "data", count: blocks }],
    algorithm: currentAlgorithm,
    digests: randomBytes(blocks * digestBytes),
  };
}

async function printPeaks(link: Link): Promise<void> {
  const [sender, receiver] = [await peakMib(link.from), await peakMib(link.to)];
  const peaks = `sender ${sender.toFixed(0)} MiB, receiver ${receiver.toFixed(0)} MiB`;
  print(link, "peak memory (VmHWM) so far", peaks);
}

async function store({ from }: Link, directory: string, name: string): Promise<void> {
  const config = { name, labels: { vm: "bench" } };
  await createFromLocalDirectory(from.client, directory, { config });
}

/** Pulls a snapshot. `changedMib` is the size of the pages that differ from the base. */
async function pull(
  link: Link,
  ref: string,
  name: string,
  what: string,
  changedMib?: number,
): Promise<void> {
  const before = await link.wireBytes();
  const seconds = await timed(async () => {
    const request = { source: link.peer, ref, name };
    for await (const message of link.to.client.pull(request)) void message;
  });
  const sentMib = ((await link.wireBytes()) - before) / mib;
  const share =
    changedMib === undefined
      ? ""
      : `, ${(sentMib / changedMib).toFixed(3)} of ${changedMib.toFixed(1)} MiB changed`;
  const size = sentMib < 1 ? `${(sentMib * 1024).toFixed(1)} KiB` : `${sentMib.toFixed(1)} MiB`;
  print(link, what, `${size} on the wire${share}, ${seconds.toFixed(1)} s`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

function rate(seconds: number): string {
  return `${(sizeMib / seconds).toFixed(0)} MiB/s`;
}

function print({ what: link }: Link, what: string, result: string): void {
  process.stdout.write(`${link}: ${what.padEnd(46)} ${result}\n`);
}

async function restoreParent({ from }: Link, directory: string): Promise<void> {
  await using lease = await from.client.openDataDirectory("parent");
  await cp(lease.directory, directory, { recursive: true });
}

/** Changes random pages of the file. Returns the number of changed pages. */
async function change(path: string, edit: (page: Buffer) => Uint8Array): Promise<number> {
  await using handle = await open(path, "r+");
  const pages = (await handle.stat()).size / pageBytes;
  const chosen = new Set<number>();
  while (chosen.size < pages * changedShare) chosen.add(randomInt(pages));
  const page = Buffer.alloc(pageBytes);
  for (const number of chosen) {
    await handle.read(page, 0, pageBytes, number * pageBytes);
    await handle.write(edit(page), 0, pageBytes, number * pageBytes);
  }
  return chosen.size;
}
