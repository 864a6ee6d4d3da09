// Implements `npm run lab -- model --operations N --seed S --clients C`. Several clients make
// random calls to the real daemon, which is stopped and killed between them. Every answer is
// compared with the model.
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCheck } from "../crash/oracle.js";
import { contentCount } from "./contents.js";
import { planRound, type Round } from "./plan.js";
import { openSession } from "./session.js";
import { callsOf, shrinkRounds } from "./shrink.js";
import { createTally } from "./tally.js";
import { removeScratch } from "../support/scratch.js";

const usage = `Usage: npm run lab -- model [options]
  --operations N   how many calls (default 20000)
  --seed S         decides all that clients do (default 1)
  --clients C      how many at once (default 8)
  --round N        calls from one end of all calls to the next (default 1000)
  --directory DIR  where the stores are made; a short path (default: the system's)
  --replay FILE    plays what a failing run has written, up to --times N times (default 10)
  --trials N       most runs to make a failing one smaller (default 60)
`;

interface Options {
  readonly operations: number;
  readonly seed: number;
  readonly clients: number;
  readonly roundCalls: number;
  readonly directory: string;
  readonly trials: number;
  readonly times: number;
  readonly replay: string | undefined;
  readonly signal: AbortSignal;
}

/** A failed run, as it is written to a file. */
interface Failure {
  readonly seed: number;
  readonly clients: number;
  readonly rounds: readonly Round[];
  readonly problems: readonly string[];
}

function readOptions(signal: AbortSignal): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      operations: { ...text, default: "20000" },
      seed: { ...text, default: "1" },
      clients: { ...text, default: "8" },
      round: { ...text, default: "1000" },
      directory: { ...text, default: tmpdir() },
      trials: { ...text, default: "60" },
      times: { ...text, default: "10" },
      replay: text,
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    operations: Number(values.operations),
    seed: Number(values.seed),
    clients: Number(values.clients),
    roundCalls: Number(values.round),
    directory: values.directory,
    trials: Number(values.trials),
    times: Number(values.times),
    replay: values.replay,
    signal,
  };
}

async function main(): Promise<void> {
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  process.once("SIGTERM", () => stopping.abort());
  const options = readOptions(stopping.signal);
  if (options === undefined) print(usage);
  else process.exitCode = await (options.replay === undefined ? soak(options) : replay(options));
}

/**
 * The number of rounds before a failing round that are kept, so that the failure can be repeated.
 */
const keptRounds = 8;
const reportEveryMs = 30_000;

async function soak(options: Options): Promise<number> {
  const { operations, seed, clients, roundCalls, signal } = options;
  const tally = createTally();
  const startedMs = performance.now();
  let reportAtMs = startedMs + reportEveryMs;
  const played: Round[] = [];
  let rounds = 0;
  let problems: readonly string[] = [];
  await using scratch = await makeScratch(options.directory);
  await using session = await openSession({ directory: scratch.directory, seed, clients });
  for (; tally.calls() < operations && problems.length === 0 && !signal.aborted; rounds += 1) {
    const plan = { seed, clients, contents: contentCount };
    const left = operations - tally.calls();
    const round = planRound(rounds, { ...plan, operations: Math.min(roundCalls, left) });
    played.push(round);
    played.splice(0, played.length - keptRounds);
    const result = await session.playRound(round);
    tally.add(result.calls);
    problems = result.problems;
    if (performance.now() < reportAtMs) continue;
    reportAtMs += reportEveryMs;
    print(`${tally.calls()} calls, ${rounds + 1} rounds, ${rate(tally.calls(), startedMs)}\n`);
  }
  if (problems.length === 0) {
    problems = [...(await session.stop()), ...(await runCheck(session.root))];
  }
  print(`${tally.table()}\n${tally.calls()} calls in ${rounds} rounds by ${clients} clients, `);
  print(`seed ${seed}, ${rate(tally.calls(), startedMs)}, ${problems.length} problems\n`);
  if (problems.length === 0) return 0;
  print(`${problems.slice(0, 20).join("\n")}\n`);
  await makeSmaller(options, { seed, clients, rounds: played, problems });
  return 1;
}

function rate(calls: number, startedMs: number): string {
  const seconds = (performance.now() - startedMs) / 1000;
  return `${Math.round(seconds)} s, ${Math.round(calls / seconds)} calls/s`;
}

async function makeSmaller(options: Options, failure: Failure): Promise<void> {
  const { trials: maxTrials, signal, seed } = options;
  let problems = failure.problems;
  const fails = async (rounds: readonly Round[]): Promise<boolean> => {
    const found = await playOnce(options, { ...failure, rounds });
    if (found.length > 0) problems = found;
    return found.length > 0;
  };
  const { rounds, reproduced, trials } = await shrinkRounds(failure.rounds, {
    fails,
    maxTrials,
    signal,
  });
  const file = join(tmpdir(), `stasis-model-failure-${seed}.json`);
  await writeFile(file, JSON.stringify({ ...failure, rounds, problems }, undefined, 1));
  const size = `${callsOf(rounds).length} calls in ${rounds.length} rounds`;
  print(
    reproduced
      ? `it fails with ${size} too, found in ${trials} trials:\n${problems.join("\n")}\n`
      : `it did not fail again in ${trials} trials; kept: ${size}\n`,
  );
  print(`again: npm run lab -- model --replay ${file}\n`);
}

async function playOnce({ directory }: Options, failure: Failure): Promise<readonly string[]> {
  const { seed, clients, rounds } = failure;
  await using scratch = await makeScratch(directory);
  await using session = await openSession({ directory: scratch.directory, seed, clients });
  for (const round of rounds) {
    const { problems } = await session.playRound(round);
    if (problems.length > 0) return problems;
  }
  return [];
}

async function replay(options: Options): Promise<number> {
  const failure = JSON.parse(await readFile(options.replay as string, "utf8")) as Failure;
  for (let time = 1; time <= options.times && !options.signal.aborted; time += 1) {
    const problems = await playOnce(options, failure);
    if (problems.length === 0) continue;
    print(`it failed the ${time}. time:\n${problems.join("\n")}\n`);
    return 1;
  }
  print(`it did not fail in ${options.times} times\n`);
  return 0;
}

async function makeScratch(parent: string): Promise<AsyncDisposable & { directory: string }> {
  const directory = await mkdtemp(join(parent, "stasis-model-"));
  return {
    directory,
    [Symbol.asyncDispose]: () => removeScratch(directory),
  };
}

function print(text: string): void {
  process.stdout.write(text);
}

await main();
