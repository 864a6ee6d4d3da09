// Implements `npm run lab -- cuts --cuts 1000 --seed 7`, which cuts pulls at random bytes and
// prints the cost.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { maxAgainBytes, runCuts } from "./cuts.js";
import { mib } from "./nodes.js";
import { removeScratch } from "../support/scratch.js";

const { values } = parseArgs({
  options: {
    cuts: { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    /** Each snapshot has this many MiB of data. */
    data: { type: "string", default: "80" },
    quiet: { type: "boolean", default: false },
  },
});
const [cuts, seed, dataMib] = [Number(values.cuts), Number(values.seed), Number(values.data)];
/** A killed daemon needs a second or two to start again, so these kinds are rarer. */
const kinds = ["reset", "reset", "close", "close", "peer", "receiver"] as const;
const scratch = await mkdtemp(join(process.env["STASIS_BENCH_DIR"] ?? tmpdir(), "stasis-cuts-"));
const startedMs = performance.now();
const print = (line: string): void => void process.stdout.write(`${line}\n`);
print(`${cuts} cuts, seed ${seed}, snapshots of ${dataMib} MiB`);
try {
  const report = values.quiet ? {} : { report: print };
  const summary = await runCuts({ cuts, seed, kinds, dataMib, scratch, ...report });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const counts = Object.entries(summary.cuts).map(([kind, count]) => `${kind} ${count}`);
  print(`${cuts} cuts of ${summary.pulls} pulls in ${seconds} s: ${counts.join(", ")}`);
  print("each pull ended with the same digest and the same bytes");
  const [most, mean] = [summary.mostAgainBytes, summary.meanAgainBytes].map(inMib);
  print(
    `sent again for one cut: ${mean} on average, ${most} at the most, ${inMib(maxAgainBytes)} allowed`,
  );
} finally {
  await removeScratch(scratch);
}

function inMib(bytes: number): string {
  return `${(bytes / mib).toFixed(2)} MiB`;
}
