// Measures the cost of a file in very many pieces: extra bytes on the wire, and the peak memory of
// both ends, for every way in and out. A guest's memory image is such a file, with scattered pages
// of 4 KiB.
import { randomFillSync, randomInt } from "node:crypto";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareTrees } from "../test/interop/cocoon/differences.js";
import { openWireProxy, type WireProxy } from "../test/replication/wire-proxy.js";
import { run } from "../test/support/child.js";
import { forgetPeak, memoryOf } from "../test/support/memory.js";
import type { Row } from "./report.js";
import { gib, mib, startDaemon, withScratch, type Daemon } from "./scene.js";

const pageBytes = 4096;
const fileBytes = 4 * gib;
const counts = [60_000, 500_000];
const program = fileURLToPath(new URL("../src/main.js", import.meta.url));
const reportPeak = new URL("./report-peak.js", import.meta.url).href;

/**
 * The goal for the bytes on the wire, as a multiple of the file's data. It holds for every way in
 * and out, unless the case gives a reason against it.
 */
const mostWire = 1.1;
/** Goal for the peak memory of each end; see docs/performance.md, "A file in many pieces". */
const mostPeakMib = 300;

export async function fragmentCases(scale: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    const size = { bytes: Math.round(fileBytes * scale), extents: Math.round(count * scale) };
    rows.push(...(await withScratch((scratch) => oneFile(scratch, size))));
  }
  return rows;
}

interface Size {
  readonly bytes: number;
  readonly extents: number;
}

async function oneFile(scratch: string, size: Size): Promise<Row[]> {
  const source = await makeFragments(join(scratch, "source"), size);
  const { blocks } = await stat(join(source, "memory"));
  await using daemon = await startDaemon(join(scratch, "root"));
  await using puller = await startDaemon(join(scratch, "other"));
  await using proxy = await openWireProxy(daemon.address);
  const group = `${size.bytes / gib} GiB with ${size.extents} extents, ${Math.round((blocks * 512) / mib)} MiB of data`;
  const stage: Stage = { group, scratch, source, dataBytes: blocks * 512, daemon, puller, proxy };
  return [...(await waysIn(stage)), ...(await waysOut(stage)), ...(await pull(stage))];
}

interface Stage {
  readonly group: string;
  readonly scratch: string;
  readonly source: string;
  readonly dataBytes: number;
  readonly daemon: Daemon;
  readonly puller: Daemon;
  readonly proxy: WireProxy;
}

/**
 * Makes a file of scattered pages. Each page is at a random position, with at least one page of
 * hole before the next.
 */
async function makeFragments(directory: string, { bytes, extents }: Size): Promise<string> {
  await mkdir(directory);
  await using file = await open(join(directory, "memory"), "wx");
  await file.truncate(bytes);
  const pages = bytes / pageBytes;
  const content = randomFillSync(Buffer.alloc(pageBytes));
  for (let index = 0; index < extents; index += 1) {
    const first = Math.floor((index * pages) / extents);
    const room = Math.floor(((index + 1) * pages) / extents) - first - 1;
    content.writeUInt32LE(index + 1);
    await file.write(content, 0, pageBytes, (first + randomInt(Math.max(1, room))) * pageBytes);
  }
  await file.sync();
  return directory;
}

async function waysIn(stage: Stage): Promise<Row[]> {
  return await measure(stage, "create DIR", ["create", stage.source, "--name", "kept"]);
}

const formats = ["gnu", "cocoon", "none"] as const;

async function waysOut(stage: Stage): Promise<Row[]> {
  const { scratch } = stage;
  const restored = join(scratch, "restored");
  const rows = await measure(stage, "restore --to DIR", ["restore", "kept", "--to", restored]);
  const { differences, segments } = await compareTrees(restored, stage.source);
  if (differences.length > 0) throw new Error(`restored: ${differences.join()}`);
  console.log(`  restored as stored, ${segments} extents`);
  await rm(restored, { recursive: true });
  rows.push(...(await directories(stage)));
  for (const format of formats) {
    const file = join(scratch, `${format}.tar`);
    const how = ["--sparse", format];
    rows.push(
      ...(await measure(stage, `export ${how.join(" ")}`, ["export", "kept", "-o", file, ...how])),
    );
    if (format === "none") {
      // This archive has no sparse map and only takes more bytes, so its import is not measured.
      await rm(file);
      continue;
    }
    const name = `from-${format}`;
    rows.push(...(await measure(stage, `import ${format}.tar`, ["import", file, "--name", name])));
    await rm(file);
    await stage.daemon.client.delete(name);
  }
  return rows;
}

/** Measures the ways that need no archive in between. */
async function directories(stage: Stage): Promise<Row[]> {
  const directory = join(stage.scratch, "exported");
  const rows = await measure(stage, "export --to-dir DIR", [
    "export",
    "kept",
    "--to-dir",
    directory,
  ]);
  const args = ["import", directory, "--name", "from-directory"];
  rows.push(...(await measure(stage, "import DIR", args)));
  await rm(directory, { recursive: true });
  await stage.daemon.client.delete("from-directory");
  return rows;
}

async function pull(stage: Stage): Promise<Row[]> {
  const { puller, proxy, source } = stage;
  const before = startCount(stage);
  forgetPeak(puller);
  for await (const event of puller.client.pull({ source: proxy.address, ref: "kept" })) void event;
  const rows = rowsOf(stage, "pull", before(), {
    "sending daemon": memoryOf(stage.daemon, "VmHWM"),
    "pulling daemon": memoryOf(puller, "VmHWM"),
  });
  const { snapshot } = await puller.client.inspect("kept");
  // Callers over TCP do not learn where a snapshot's data is.
  const stored = join(puller.root, "data", snapshot?.config?.id ?? "", "files");
  // Stored files are read-only, whatever their mode was before.
  const { differences } = await compareTrees(stored, source);
  const wrong = differences.filter((difference) => !difference.startsWith("mode of "));
  if (wrong.length > 0) throw new Error(`pulled: ${wrong.join()}`);
  return rows;
}

function startCount({ proxy, daemon }: Stage): () => { wireBytes: number; ms: number } {
  const [bytes, started] = [proxy.passedBytes(), performance.now()];
  forgetPeak(daemon);
  return () => ({ wireBytes: proxy.passedBytes() - bytes, ms: performance.now() - started });
}

/** Runs the program itself, over TCP, and measures it. */
async function measure(stage: Stage, name: string, args: readonly string[]): Promise<Row[]> {
  const { scratch, proxy, daemon } = stage;
  const peakFile = join(scratch, "peak");
  const before = startCount(stage);
  await using child = run(
    process.execPath,
    ["--import", reportPeak, program, "--addr", proxy.address, ...args],
    { PEAK_FILE: peakFile },
  );
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`stasis ${args.join(" ")}: ${child.output()}`);
  return rowsOf(stage, name, before(), {
    client: Number(await readFile(peakFile, "utf8")),
    daemon: memoryOf(daemon, "VmHWM"),
  });
}

function rowsOf(
  { group, dataBytes }: Stage,
  name: string,
  { wireBytes, ms }: { readonly wireBytes: number; readonly ms: number },
  peaks: Readonly<Record<string, number>>,
): Row[] {
  const wire = `${name}: bytes on the wire ÷ data`;
  const mibs = Object.entries(peaks).map(([who, bytes]) => `${who} ${Math.round(bytes / mib)} MiB`);
  console.log(
    `  ${name}: ${(wireBytes / dataBytes).toFixed(3)}, ${Math.round(ms / 1000)} s, ${mibs.join(", ")}`,
  );
  const note = foreign(name);
  const goal = note === undefined ? { must: mostWire, atMost: true } : { note };
  return [
    { group, name: wire, unit: "ratio", value: wireBytes / dataBytes, ...goal },
    { group, name: `${name}: time`, unit: "ms", value: ms },
    ...Object.entries(peaks).map(([who, bytes]): Row => ({
      group,
      name: `${name}: peak RSS of the ${who}`,
      unit: "MiB",
      value: bytes / mib,
      must: mostPeakMib,
      atMost: true,
    })),
  ];
}

/** Returns the reason why a format of another program cannot express such a file, if it cannot. */
function foreign(name: string): string | undefined {
  if (name.includes("cocoon")) return "cocoon's map holds 800 KiB: the smallest holes are zeros";
  return name.includes("none") ? "all holes are zeros" : undefined;
}
