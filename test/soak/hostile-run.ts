// `npm run soak:hostile -- --seconds 120 [--held]`: figures of a good client with and without a bad
// one beside it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { mib } from "../store/contents.js";
import { playHostile, type HostileResult } from "./hostile.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "120" },
      "half-open": { type: "string", default: "2000" },
      "slow-readers": { type: "string", default: "200" },
      mib: { type: "string", default: "1024" },
      held: { type: "boolean", default: false },
    },
  });
  const directory = await mkdtemp(join(tmpdir(), "stasis-h-"));
  try {
    const result = await playHostile({
      directory,
      halfOpen: Number(values["half-open"]),
      slowReaders: Number(values["slow-readers"]),
      seconds: Number(values.seconds),
      sizeBytes: Number(values.mib) * mib,
      held: values.held,
    });
    process.stdout.write(table(result));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function table({ quiet, hostile, afterwards, residentBytes, report }: HostileResult): string {
  const rows = Object.entries({ quiet, hostile, afterwards }).map(([phase, measured]) => {
    const { inspects, p50Ms, p99Ms, maxMs, mibPerSecond } = measured;
    const times = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1).padStart(8)).join("");
    const rate = mibPerSecond.toFixed(0).padStart(8);
    return `${phase.padEnd(11)}${String(inspects).padStart(9)}${times}${rate}\n`;
  });
  const inMib = (bytes: number): string => `${(bytes / mib).toFixed(0)} MiB`;
  const { before, during, after } = residentBytes;
  return [
    `${report}\n`,
    "phase       Inspects  p50 ms  p99 ms  max ms   MiB/s\n",
    ...rows,
    `resident: ${inMib(before)} before, ${inMib(during)} during, ${inMib(after)} after\n`,
  ].join("");
}

await main();
