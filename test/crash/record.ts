// Makes one recording in a process with its own mounts. No other process uses its disk, and its
// mounts end with the process. The argument contains the options, and the last line of output
// contains the problems.
import { recordRun, type RecordOptions } from "./recorder.js";
import { scenarios } from "./scenarios.js";

export type RecordJob = Omit<RecordOptions, "scenario"> & { readonly scenario: string };

async function main([text = ""]: readonly string[]): Promise<void> {
  const { scenario: wanted, ...job } = JSON.parse(text) as RecordJob;
  const scenario = scenarios.find(({ name }) => name === wanted);
  if (scenario === undefined) throw new Error(`no scenario ${wanted}`);
  const { problems } = await recordRun({ ...job, scenario });
  process.stdout.write(`\n${JSON.stringify({ problems })}\n`);
}

await main(process.argv.slice(2));
