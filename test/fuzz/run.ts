// `npm run fuzz -- --minutes N --seed S [--target NAME] [--save]`: coverage-guided fuzzing of the
// parsers. Prints what it did and found; `--save` writes the inputs worth keeping into corpus/.
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCampaign, type CampaignOutcome, type Finding } from "./campaign.js";
import { nameOf, readCorpus, writeCorpus } from "./corpus.js";
import { fuzzTargets, type FuzzTarget } from "./fuzz-targets.js";
import { copyInstrumented } from "./instrument.js";
import { seedsOf } from "./seeds.js";

const maxFindings = 20;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      target: { type: "string", multiple: true, default: [...fuzzTargets] },
      save: { type: "boolean", default: false },
      findings: { type: "string", default: "fuzz-findings" },
    },
  });
  const targets = fuzzTargets.filter((target) => values.target.includes(target));
  if (targets.length === 0) throw new Error(`--target: one of ${fuzzTargets.join(", ")}`);
  const shares = targets.reduce((total, target) => total + shareOf(target), 0);
  const directory = await mkdtemp(join(tmpdir(), "stasis-fuzz-"));
  let executions = 0;
  let found = 0;
  try {
    const dist = await copyInstrumented(directory);
    for (const target of targets) {
      const milliseconds = (Number(values.minutes) * 60_000 * shareOf(target)) / shares;
      const inputs = [...seedsOf(target), ...readCorpus(target)];
      const options = { dist, target, seed: Number(values.seed), inputs };
      const outcome = await runCampaign({ ...options, milliseconds, maxFindings, coarse: false });
      executions += outcome.executions;
      found += outcome.findings.length;
      report(target, outcome, milliseconds);
      for (const finding of outcome.findings) keepFinding(values.findings, finding);
      if (values.save) await save(dist, target, outcome);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  process.stdout.write(`${executions} executions, ${found} findings\n`);
  process.exitCode = found === 0 ? 0 : 1;
}

/** Archives are slower to read than the rest, and have the most ways to be wrong. */
function shareOf(target: FuzzTarget): number {
  return target === "tar" ? 4 : 1;
}

function report(target: FuzzTarget, outcome: CampaignOutcome, milliseconds: number): void {
  const { executions, branches, of, kept, findings } = outcome;
  process.stdout.write(
    `${target}: ${executions} executions in ${Math.round(milliseconds / 1000)} s, ` +
      `${branches} of ${of} branches, ${kept.length} inputs kept, ${findings.length} findings\n`,
  );
}

function keepFinding(folder: string, { target, input, text }: Finding): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${target}-${nameOf(input)}.raw`);
  writeFileSync(path, input);
  process.stdout.write(`FINDING ${path}\n${text}\n`);
}

/** Of all that is known the shortest inputs that together reach all that is reached. */
async function save(dist: string, target: FuzzTarget, outcome: CampaignOutcome): Promise<void> {
  const seeds = seedsOf(target).map((seed) => nameOf(seed));
  const known = new Map(
    [...readCorpus(target), ...outcome.kept].map((each) => [nameOf(each), each]),
  );
  const byLength = [...known.values()].sort((a, b) => a.length - b.length);
  const inputs = [...seedsOf(target), ...byLength];
  const { kept } = await runCampaign({
    ...{ dist, target, inputs, seed: 1 },
    ...{ milliseconds: 0, maxFindings },
    coarse: true,
  });
  writeCorpus(
    target,
    kept.filter((input) => !seeds.includes(nameOf(input))),
  );
}

await main();
