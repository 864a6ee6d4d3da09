// Implements `npm run lab -- fuzz --minutes N --seed S [--target NAME] [--save]`: coverage-guided
// fuzzing of the parsers. Prints its progress and findings. `--save` writes new inputs to corpus/.
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCampaign, type CampaignOutcome, type Finding } from "./campaign.js";
import { nameOf, readCorpus, writeCorpus } from "./corpus.js";
import { fuzzTargets, type FuzzTarget } from "./fuzz-targets.js";
import { copyInstrumented } from "./instrument.js";
import { placeOf } from "./place.js";
import { seedsOf } from "./seeds.js";
import { removeScratch } from "../support/scratch.js";

const maxFindings = 20;
/** The targets take turns, so that all share the hours in which the machine is busy. */
const minutesPerRound = 2;

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
  const minutes = Number(values.minutes);
  const rounds = Math.max(1, Math.round(minutes / minutesPerRound));
  const outcomes = new Map<FuzzTarget, CampaignOutcome>();
  try {
    const dist = await copyInstrumented(directory);
    for (let round = 0; round < rounds; round++) {
      for (const target of targets) {
        const milliseconds = (minutes * 60_000 * shareOf(target)) / shares / rounds;
        const before = outcomes.get(target);
        const inputs = before?.kept ?? [...seedsOf(target), ...readCorpus(target)];
        const seed = Number(values.seed) + round;
        const options = { dist, target, seed, inputs, milliseconds, maxFindings, coarse: false };
        outcomes.set(target, together(before, await runCampaign(options)));
      }
    }
    for (const [target, outcome] of outcomes) {
      report(target, outcome, (minutes * 60 * shareOf(target)) / shares);
      for (const finding of outcome.findings) keepFinding(values.findings, finding);
      if (values.save) await save(dist, target, outcome);
    }
  } finally {
    await removeScratch(directory);
  }
  const all = [...outcomes.values()];
  const executions = all.reduce((sum, outcome) => sum + outcome.executions, 0);
  const found = all.reduce((sum, { findings }) => sum + findings.length, 0);
  process.stdout.write(`${executions} executions, ${found} findings\n`);
  process.exitCode = found === 0 ? 0 : 1;
}

/** A slower parser, or a parser with more ways to fail, gets more time. */
const shareOfSlow: Partial<Record<FuzzTarget, number>> = { tar: 3, envelope: 2, manifest: 2 };

function shareOf(target: FuzzTarget): number {
  return shareOfSlow[target] ?? 1;
}

/**
 * Joins two rounds. Drops findings that an earlier round already had: the place of the throw
 * identifies a finding.
 */
function together(before: CampaignOutcome | undefined, now: CampaignOutcome): CampaignOutcome {
  const known = new Set(before?.findings.map(({ text }) => placeOf(text)));
  return {
    ...now,
    executions: (before?.executions ?? 0) + now.executions,
    findings: [
      ...(before?.findings ?? []),
      ...now.findings.filter(({ text }) => !known.has(placeOf(text))),
    ],
  };
}

function report(target: FuzzTarget, outcome: CampaignOutcome, seconds: number): void {
  const { executions, branches, of, kept, findings } = outcome;
  process.stdout.write(
    `${target}: ${executions} executions in ${Math.round(seconds)} s, ` +
      `${branches} of ${of} branches, ${kept.length} inputs kept, ${findings.length} findings\n`,
  );
}

function keepFinding(folder: string, { target, input, text }: Finding): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${target}-${nameOf(input)}.raw`);
  writeFileSync(path, input);
  process.stdout.write(`FINDING ${path}\n${text}\n`);
}

/**
 * Selects the shortest inputs that together reach every branch that was reached, and saves them.
 */
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
