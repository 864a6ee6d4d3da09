// The daemon as a whole: many streams at once, memory, start-up, and the catalog beside a JSON index.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFromLocalDirectory } from "../src/client/index.js";
import { alternate, median } from "./alternate.js";
import { memoryRow } from "./cases-transfer.js";
import { fillCatalog } from "./fill-catalog.js";
import type { Row } from "./report.js";
import { discard, makeDense, memoryOf, mib, startDaemon, withScratch } from "./scene.js";

export async function streamCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    const fairness = new Map<number, number[]>();
    /** The same bytes in all, over `count` streams. */
    const restoreOver = async (count: number): Promise<void> => {
      const times = await Promise.all(
        Array.from({ length: count }, async () => {
          const started = performance.now();
          await discard(await client.restore("kept"));
          return performance.now() - started;
        }),
      );
      const list = fairness.get(count) ?? [];
      list.push(Math.min(...times) / Math.max(...times));
      fairness.set(count, list);
    };
    const counts = [1, 8, 32];
    const outcomes = await alternate(
      counts.map((count) => ({
        name: `${count} × Restore`,
        bytes: bytes * count,
        run: () => restoreOver(count),
      })),
      rounds,
    );
    const group = `Streams at once, ${bytes / mib} MiB each`;
    const rate = outcomes.map(({ times, bytes: total }) =>
      times.map((ms) => total / mib / (ms / 1000)),
    );
    const rows = outcomes.map(({ name }, index): Row => {
      const all = rate[index] ?? [];
      const [low, high] = [Math.min(...all), Math.max(...all)];
      return { group, name, unit: "MiB/s", value: median(all), low, high };
    });
    const share = (rate[2] ?? []).map((value, round) => value / (rate[0]?.[round] ?? Number.NaN));
    rows.push({
      group,
      name: "32 streams' total ÷ one stream",
      unit: "ratio",
      value: median(share),
      low: Math.min(...share),
      high: Math.max(...share),
      must: 0.9,
      aim: 1,
    });
    const fair = fairness.get(32) ?? [];
    rows.push({
      group,
      name: "slowest ÷ fastest of 32",
      unit: "ratio",
      value: median(fair),
      low: Math.min(...fair),
      high: Math.max(...fair),
      must: 0.5,
      aim: 0.8,
    });
    const { peakBytes } = await memoryOf(daemon.pid);
    return [...rows, memoryRow("Peak RSS of the daemon after 32 streams", peakBytes)];
  });
}

export async function restCases(rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const started: number[] = [];
    const memory: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      await using daemon = await startDaemon(join(scratch, `root-${round}`));
      started.push(performance.now() - began);
      await daemon.client.getInfo();
      memory.push((await memoryOf(daemon.pid)).nowBytes / mib);
    }
    const group = "At rest";
    return [
      {
        group,
        name: "start of an empty store until it listens",
        unit: "ms",
        value: median(started),
      },
      { group, name: "RSS after the start", unit: "MiB", value: median(memory) },
    ];
  });
}

/** Inspect at the server, beside an index that is read and parsed whole, as the original did. */
export async function catalogCases(records: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    await using filled = await fillCatalog(join(scratch, "root"), records);
    const index = join(scratch, "index.json");
    const names = Array.from({ length: records }, (_, number) => filled.nameOf(number));
    const entries = names.map((name, number) => [filled.ids[number] ?? "", filled.recordOf(name)]);
    writeFileSync(index, JSON.stringify({ snapshots: Object.fromEntries(entries) }));
    const calls = 200;
    let turn = 0;
    const next = (): string => filled.nameOf((turn += 7919) % records);
    const outcomes = await alternate(
      [
        {
          name: "Inspect by name",
          bytes: 0,
          run: () => {
            const began = performance.now();
            for (let call = 0; call < calls; call += 1) filled.store.inspect(next());
            return Promise.resolve((performance.now() - began) / calls);
          },
        },
        {
          name: "Inspect by name in a JSON index",
          bytes: 0,
          run: () => {
            const began = performance.now();
            const wanted = next();
            const { snapshots } = JSON.parse(readFileSync(index, "utf8")) as {
              snapshots: Record<string, { name: string }>;
            };
            const found = Object.values(snapshots).find(({ name }) => name === wanted);
            if (found === undefined) throw new Error(`no ${wanted}`);
            return Promise.resolve(performance.now() - began);
          },
        },
      ],
      rounds,
    );
    const [ours, theirs] = outcomes;
    const group = `Catalog of ${records}`;
    const quotient = (ours?.times ?? []).map(
      (ms, round) => (theirs?.times[round] ?? Number.NaN) / ms,
    );
    return [
      ...outcomes.map(({ name, times }): Row => ({
        group,
        name,
        unit: "ms",
        value: median(times),
      })),
      {
        group,
        name: "JSON index's time ÷ ours",
        unit: "ratio",
        value: median(quotient),
        low: Math.min(...quotient),
        high: Math.max(...quotient),
        must: 500,
        aim: 2000,
      },
    ];
  });
}
