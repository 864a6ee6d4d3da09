// Implements `npm run bench [-- GROUP... --rounds N --scale S]`, which runs all cases, each with
// its peer in the same rounds. With --out NAME, it writes bench/results/NAME.json.
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { prepareForBulk } from "../src/client/index.js";
import { catalogCases } from "./cases-catalog.js";
import { cloneCases } from "./cases-clone.js";
import { cocoonCases } from "./cases-cocoon.js";
import { deltaCases } from "./cases-delta.js";
import { restCases, streamCases } from "./cases-daemon.js";
import { fragmentCases } from "./cases-fragments.js";
import { memoryCases } from "./cases-memory.js";
import { reflinkCases, sparseCases } from "./cases-holes.js";
import { readCases } from "./cases-read.js";
import { remoteCases } from "./cases-remote.js";
import { resticCases } from "./cases-restic.js";
import { takeCases } from "./cases-take.js";
import { compressionCases, transferCases } from "./cases-transfer.js";
import { linkCases, toolCases, wayCases } from "./cases-ways.js";
import { describeMachine, printRows, writeReport, type Row } from "./report.js";
import { gib, mib } from "./scene.js";

prepareForBulk();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    /** Factor of all sizes, for example 0.25 for a quick look. */
    scale: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const scaled = (bytes: number): number =>
  Math.max(mib, Math.round((bytes * Number(values.scale)) / mib) * mib);

const groups: Record<string, () => Promise<Row[]>> = {
  transfer: () => transferCases(scaled(2 * gib), rounds),
  cocoon: () => cocoonCases(scaled(4 * gib), rounds),
  compression: () => compressionCases(scaled(gib), rounds),
  sparse: () => sparseCases(rounds),
  fragments: () => fragmentCases(Number(values.scale)),
  clone: () => cloneCases(scaled(4 * gib), rounds),
  delta: () => deltaCases(scaled(4 * gib), rounds, Number(values.scale)),
  take: () => takeCases(scaled(16 * gib), rounds),
  read: () => readCases(scaled(gib), rounds),
  "remote-ranges": () => remoteCases(scaled(2 * gib), rounds),
  restic: () => resticCases(scaled(512 * mib), rounds),
  reflink: () => reflinkCases(scaled(4 * gib), rounds),
  streams: () => streamCases(scaled(256 * mib), rounds),
  ways: () => wayCases(scaled(gib), rounds),
  link: () => linkCases(scaled(gib), rounds),
  tools: () => toolCases(scaled(gib), rounds),
  catalog: async () => {
    const rows: Row[] = [];
    for (const records of [1000, 100_000, 1_000_000]) {
      rows.push(...(await catalogCases(Math.round(records * Number(values.scale)), rounds)));
    }
    return rows;
  },
  memory: () => memoryCases(scaled(4 * gib)),
  rest: () => restCases(rounds),
};

const unknown = positionals.filter((name) => !(name in groups));
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`bench: expected groups of ${Object.keys(groups).join(", ")} and --rounds above 0`);
  process.exit(2);
}
const wanted = positionals.length === 0 ? Object.keys(groups) : positionals;
const machine = describeMachine(process.env["BENCH_DIR"] ?? tmpdir());
console.log(
  Object.entries(machine)
    .map(([key, value]) => `${key}: ${value}`)
    .join("\n"),
);
const rows: Row[] = [];
for (const name of wanted) {
  const found = (await groups[name]?.()) ?? [];
  printRows(found);
  rows.push(...found);
  // The results are written after each group, so that an aborted run keeps them.
  if (values.out !== undefined)
    console.log(`\nwritten to ${writeReport(values.out, machine, rows)}`);
}
