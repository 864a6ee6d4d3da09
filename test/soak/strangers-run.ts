// Implements `npm run lab -- soak-strangers --seconds 20`, which measures a token holder's Inspects
// with and without strangers.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inMib } from "../support/memory.js";
import { playStrangers } from "./strangers.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    connections: { type: "string", default: "10" },
    streams: { type: "string", default: "1000" },
  },
});
const directory = await mkdtemp(join(tmpdir(), "stasis-n-"));
try {
  const { report, ...phases } = await playStrangers({
    directory,
    connections: Number(values.connections),
    streamsPerConnection: Number(values.streams),
    seconds: Number(values.seconds),
  });
  process.stdout.write(`${report}\n`);
  process.stdout.write("phase      answered  refused   p50 ms   p99 ms   max ms     peak\n");
  for (const [phase, measured] of Object.entries(phases)) {
    const { inspects, refused, p50Ms, p99Ms, maxMs, peakBytes } = measured;
    const times = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1).padStart(9)).join("");
    const counts = `${String(inspects).padStart(10)}${String(refused).padStart(9)}`;
    process.stdout.write(`${phase.padEnd(9)}${counts}${times}${inMib(peakBytes).padStart(9)}\n`);
  }
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
