// Measures the daemon as a whole: many streams at once, memory, start-up.
import { join } from "node:path";
import { createFromLocalDirectory } from "../src/client/index.js";
import { alternate, median } from "./alternate.js";
import type { Row } from "./report.js";
import { memoryRow } from "./rows.js";
import { discard, makeDense, memoryOf, mib, startDaemon, unkept, withScratch } from "./scene.js";

export async function streamCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    const fairness = new Map<number, number[]>();
    const restoreOver = async (count: number): Promise<void> => {
      const times = await Promise.all(
        Array.from({ length: count }, async () => {
          const started = performance.now();
          await discard(await client.restore("kept", unkept));
          return performance.now() - started;
        }),
      );
      const list = fairness.get(count) ?? [];
      list.push(Math.min(...times) / Math.max(...times));
      fairness.set(count, list);
    };
    /**
     * A single download ends in a tenth of a second, which is too short to measure. So eight run
     * one after the other.
     */
    const inTurn = 8;
    const outcomes = await alternate(
      [
        {
          name: `1 × Restore, ${inTurn} in turn`,
          bytes: bytes * inTurn,
          run: async () => {
            for (let turn = 0; turn < inTurn; turn += 1) await restoreOver(1);
          },
        },
        ...[8, 32].map((count) => ({
          name: `${count} × Restore`,
          bytes: bytes * count,
          run: () => restoreOver(count),
        })),
      ],
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
