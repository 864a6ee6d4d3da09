// Implements `npm run lab -- crash --states N --seed S`, which plays crash states and prints the
// findings.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { kinds, playKinds } from "./kinds.js";
import { createReport, failureText } from "./report.js";
import type { PlayOptions } from "./state.js";
import { removeScratch } from "../support/scratch.js";

const usage = `Usage: npm run lab -- crash [options]
  --states N       about how many states (default 300)
  --every          instead: each system call fails once with EIO and once with ENOSPC, none left out
  --seed S         decides which ones, sizes and moments (default 1)
  --kind NAME      only this kind: ${kinds.map(({ kind }) => kind.name).join(", ")}
  --scenario NAMES only these scenarios, with commas in between
  --state NAME     plays one state again, as a failure prints it
  --recording DIR  plays states of a recording that a failure has kept, instead of a new one
  --jobs N         how many at once (default 2)
  --stop           stops at the first problem
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      states: { type: "string", default: "300" },
      every: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      kind: { type: "string" },
      scenario: { type: "string" },
      state: { type: "string" },
      recording: { type: "string" },
      jobs: { type: "string", default: "2" },
      stop: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const report = createReport();
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  const seed = Number(values.seed);
  const started = performance.now();
  await using scratch = await makeScratch();
  const options: PlayOptions = {
    seed,
    states: Number(values.states),
    every: values.every,
    jobs: values.state === undefined ? Number(values.jobs) : 1,
    directory: scratch.directory,
    only: values.state,
    scenarios: values.scenario?.split(","),
    recording: values.recording === undefined ? undefined : resolve(values.recording),
    keep: resolve("crash-recordings"),
    signal: stopping.signal,
    report: (result) => {
      report.add(result);
      if (result.problems.length === 0) return;
      process.stdout.write(failureText(result, seed));
      if (values.stop) stopping.abort();
    },
  };
  await playKinds(options, values.kind ?? values.state?.split(":")[0], (kind, why) => {
    process.stdout.write(`${kind}: skipped: ${why}\n`);
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  if (values.every) process.stdout.write(`${report.everyTable()}\n`);
  process.stdout.write(`${report.table()}\n${report.outcomes()}`);
  process.stdout.write(`${report.states()} states in ${seconds} s\n`);
  process.exitCode = report.failures().length === 0 ? 0 : 1;
}

async function makeScratch(): Promise<AsyncDisposable & { directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-crash-"));
  return {
    directory,
    [Symbol.asyncDispose]: () => removeScratch(directory),
  };
}

await main();
