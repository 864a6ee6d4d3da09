// Measures working copies on xfs with reflink. It compares a clone with `cp --reflink`, for one
// caller and for 32 callers at once. It also measures the page cache that many readers of linked
// files take.
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CloneMode, connect } from "../src/client/index.js";
import { alternate, median } from "./alternate.js";
import type { Row } from "./report.js";
import { makeDense, makeSparse, gib, mib, startDaemon, untilHashed, withScratch } from "./scene.js";
import { shell } from "./shell.js";
import { canMount, mountImage } from "./xfs-image.js";

const memory = { name: "memory", mode: CloneMode.LINK };
const callers = 32;
const linkedReaders = 64;

export async function cloneCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `Clone on xfs with reflink: memory ${bytes / mib} MiB linked, disk of ${bytes / mib} MiB shared`;
  const why = await canMount();
  if (why !== undefined) return [{ group, name: "clone", unit: "skipped", value: 0, note: why }];
  return withScratch(async (scratch) => {
    await using mounted = await mountImage(scratch, 4 * bytes + gib);
    const source = await makeVm(mounted.directory, bytes);
    await using daemon = await startDaemon(join(mounted.directory, "root"));
    // Calls on directories of the node need the socket.
    await using client = connect(daemon.socketAddress);
    const { snapshot } = await client.createFromDirectory({
      ...{ directory: source, config: { name: "kept" } },
    });
    await untilHashed(client, "kept");
    await shell(`sync -f '${mounted.directory}'`);
    const stored = join(daemon.root, "data", snapshot?.config?.id ?? "", "files");
    const out = join(mounted.directory, "out");
    const drop = (): Promise<void> => rm(out, { recursive: true, force: true });
    const clone = async (directory: string): Promise<void> => {
      await client.cloneToDirectory({ ref: "kept", directory, files: [memory] });
    };
    const copy = (directory: string): Promise<void> =>
      shell(`cp -r --reflink=always '${stored}' '${directory}'`);
    const outcomes = await alternate(
      [
        { name: "CloneToDirectory", run: () => clone(out), after: drop, bytes: 0 },
        {
          name: "cp -r --reflink=always",
          run: () => copy(out),
          after: drop,
          bytes: 0,
        },
      ],
      rounds,
    );
    const rows = outcomes.map(({ name, times }): Row => {
      const [low, high] = [Math.min(...times), Math.max(...times)];
      return { group, name, unit: "ms", value: median(times), low, high };
    });
    const [ours, theirs] = outcomes.map(({ times }) => times);
    const each = (ours ?? []).map((ms, round) => ms / (theirs?.[round] ?? Number.NaN));
    rows.push({
      ...{ group, name: "CloneToDirectory ÷ cp -r --reflink=always", unit: "ratio" },
      ...{ value: median(each), low: Math.min(...each), high: Math.max(...each) },
      ...{ must: 1.5, aim: 0.7, atMost: true },
    });
    const crowd = await crowdP99(mounted.directory, clone);
    const copies = await crowdP99(mounted.directory, copy);
    rows.push(
      {
        ...{ group, name: `p99 of ${callers} callers ÷ p50 of one`, unit: "ratio" },
        ...{ value: crowd / median(ours ?? []), must: 12, aim: 5, atMost: true },
      },
      {
        ...{ group, name: `cp: p99 of ${callers} callers ÷ p50 of one`, unit: "ratio" },
        value: copies / median(theirs ?? []),
      },
      {
        ...{ group, name: `p99 of ${callers} clones ÷ p99 of ${callers} cp`, unit: "ratio" },
        value: crowd / copies,
      },
    );
    rows.push(await cacheRow(group, mounted.directory, clone));
    return rows;
  });
}

/** Makes a memory image, and a disk that holds data in a quarter of it. */
async function makeVm(directory: string, bytes: number): Promise<string> {
  const source = await makeDense(join(directory, "source"), bytes);
  const disk = await makeSparse(join(directory, "disk"), bytes, bytes / 4);
  await rename(join(disk, "cow.raw"), join(source, "cow.raw"));
  await rm(disk, { recursive: true });
  return source;
}

/** Returns the 99th percentile of the time of a clone, in milliseconds. */
async function crowdP99(
  directory: string,
  clone: (directory: string) => Promise<void>,
): Promise<number> {
  const times: number[] = [];
  await mkdir(join(directory, "crowd"));
  await Promise.all(
    Array.from({ length: callers }, async (_none, caller) => {
      // The first turn is a warm-up, as the first round of every case is.
      for (let turn = -1; turn < 5; turn += 1) {
        const started = performance.now();
        await clone(join(directory, "crowd", `${caller}-${turn}`));
        if (turn >= 0) times.push(performance.now() - started);
      }
    }),
  );
  await rm(join(directory, "crowd"), { recursive: true });
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

/**
 * Measures the growth of the page cache when all clones are read, as a multiple of the growth for
 * one clone.
 */
async function cacheRow(
  group: string,
  directory: string,
  clone: (directory: string) => Promise<void>,
): Promise<Row> {
  const clones = join(directory, "clones");
  await mkdir(clones);
  for (let index = 0; index < linkedReaders; index += 1) await clone(join(clones, String(index)));
  await shell("sync; echo 3 > /proc/sys/vm/drop_caches");
  const before = await cachedBytes();
  await shell(`cat '${clones}'/0/memory >/dev/null`);
  const one = (await cachedBytes()) - before;
  await shell(`cat '${clones}'/*/memory >/dev/null`);
  const all = (await cachedBytes()) - before;
  await rm(clones, { recursive: true });
  const name = `page cache of ${linkedReaders} linked clones read whole ÷ one`;
  return { group, name, unit: "ratio", value: all / one, must: 1.1, aim: 1.01, atMost: true };
}

async function cachedBytes(): Promise<number> {
  const info = await readFile("/proc/meminfo", "utf8");
  return Number(/^Cached:\s+(\d+) kB$/m.exec(info)?.[1]) * 1024;
}
