// Implements `npm run lab -- soak-hostile --seconds 120 [--held]`. It prints the latency and
// throughput of a good client, with and without a hostile client beside it.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { mib } from "../store/contents.js";
import { playHostile, type HostileResult } from "./hostile.js";
import { removeScratch } from "../support/scratch.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "120" },
      "half-open": { type: "string", default: "2000" },
      "slow-readers": { type: "string", default: "200" },
      resets: { type: "string", default: "0" },
      mib: { type: "string", default: "1024" },
      eager: { type: "boolean", default: false },
      held: { type: "boolean", default: false },
    },
  });
  const directory = await mkdtemp(join(tmpdir(), "stasis-h-"));
  try {
    const result = await playHostile({
      directory,
      halfOpen: Number(values["half-open"]),
      slowReaders: Number(values["slow-readers"]),
      resets: Number(values.resets),
      seconds: Number(values.seconds),
      sizeBytes: Number(values.mib) * mib,
      eager: values.eager,
      held: values.held,
    });
    process.stdout.write(table(result));
  } finally {
    await removeScratch(directory);
  }
}

function table({ quiet, hostile, afterwards, report }: HostileResult): string {
  const rows = Object.entries({ quiet, hostile, afterwards }).map(([phase, measured]) => {
    const { inspects, p50Ms, p99Ms, maxMs, mibPerSecond, residentBytes } = measured;
    const figures = [
      ...[p50Ms.toFixed(1), p99Ms.toFixed(1), maxMs.toFixed(1), mibPerSecond.toFixed(0)],
      (residentBytes / mib).toFixed(0),
      ...[measured.daemonCores.toFixed(2), measured.hostileCores.toFixed(2)],
    ];
    const cells = figures.map((figure) => figure.padStart(9)).join("");
    return `${phase.padEnd(11)}${String(inspects).padStart(9)}${cells}\n`;
  });
  return [
    `${report}\n`,
    "phase       Inspects   p50 ms   p99 ms   max ms    MiB/s  RSS MiB  daemon  hostile cores\n",
    ...rows,
  ].join("");
}

await main();
