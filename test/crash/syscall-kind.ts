// Plays the kind "syscall": at every system call of every scenario the daemon is killed, or the
// call fails with EIO or ENOSPC. The kind "order" is a part of it, which checks the order of the
// recorded calls.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { cannotStrace, removeScratch } from "../support/scratch.js";
import { openBench, type Bench } from "./bench.js";
import { orderProblems } from "./order.js";
import { diskErrors, faultsAt, pointText, type Point } from "./points.js";
import { scenarios, type Scenario } from "./scenarios.js";
import { inLanes, randomFrom, shuffled, type Kind, type PlayOptions } from "./state.js";
import type { Fault } from "./strace.js";
import { record, strike, type Struck } from "./syscall-states.js";

interface Planned {
  readonly scenario: Scenario;
  readonly point: Point;
  readonly fault: Fault;
}

export const syscallKind: Kind = {
  name: "syscall",
  strikesCalls: true,
  cannot: cannotStrace,
  async play(options) {
    for (let round = 0, left = options.states; left > 0; round += 1) {
      if (options.signal.aborted || (round > 0 && options.only !== undefined)) return;
      const all = await plan(options, round);
      const planned = options.every === true ? all : all.slice(0, left);
      if (planned.length === 0) return;
      left = options.every === true ? 0 : left - planned.length;
      await inLanes(inChunks(planned), options.jobs, (chunk, lane) =>
        playChunk(options, round, chunk, lane),
      );
    }
  },
};

/** Returns a seed, so that the sizes of contents differ in each round. */
function seedOf({ seed }: PlayOptions, round: number): number {
  return seed + round * 1009;
}

/**
 * Plans all states of a round. The scenarios take turns, so that the first states cover all
 * scenarios.
 */
async function plan(options: PlayOptions, round: number): Promise<Planned[]> {
  const wanted = scenarios.filter(({ name }) => isWanted(options, name));
  const lists = new Map<string, Planned[]>();
  await inLanes(wanted, options.jobs, async (scenario, lane) => {
    lists.set(scenario.name, await planScenario(options, round, scenario, lane));
  });
  const random = randomFrom(seedOf(options, round));
  const queues = wanted.map(({ name }) => shuffled(lists.get(name) ?? [], random));
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  const all = Array.from({ length: longest }, (_, index) =>
    queues.flatMap((queue) => queue.slice(index, index + 1)),
  ).flat();
  const { only } = options;
  return only === undefined ? all : all.filter((state) => stateName(state).startsWith(only));
}

function isWanted({ scenarios: wanted, only }: PlayOptions, name: string): boolean {
  if (wanted !== undefined) return wanted.includes(name);
  return (
    only === undefined || only.startsWith(`syscall:${name}:`) || `syscall:${name}:`.startsWith(only)
  );
}

async function planScenario(
  options: PlayOptions,
  round: number,
  scenario: Scenario,
  lane: number,
): Promise<Planned[]> {
  const directory = join(options.directory, `plan-${lane}`);
  await using bench = await openBench({ directory, seed: seedOf(options, round) });
  // The daemon was just restarted, as it is for all later states.
  const problems = await bench.restart();
  const given = await givenFiles(bench, scenario);
  const { calls, points, answeredAt, result } = await record(bench, scenario);
  if (result.outcome.kind !== "acknowledged") {
    throw new Error(`${scenario.name} fails undisturbed: ${result.error?.message ?? "?"}`);
  }
  const { root } = bench.place;
  const { outside } = bench;
  const { changes, name, deletes = false } = scenario;
  problems.push(...orderProblems({ calls, root, outside, answeredAt, given, changes, deletes }));
  problems.push(...bench.stage.problems);
  options.report({
    kind: "order",
    scenario: name,
    state: `syscall:${name}:`,
    reached: true,
    problems,
  });
  await bench[Symbol.asyncDispose]();
  await removeScratch(directory);
  const faults = options.every === true ? () => diskErrors : faultsAt;
  return points.flatMap((point) => faults(point).map((fault) => ({ scenario, point, fault })));
}

async function givenFiles(bench: Bench, { gives }: Scenario): Promise<string[]> {
  if (gives === undefined) return [];
  const { path } = await bench.give(gives);
  return (await readdir(path)).map((name) => join(path, name));
}

function stateName({ scenario, point, fault }: Planned): string {
  return `syscall:${scenario.name}:${pointText(point)}:${fault}`;
}

const maxChunk = 20;

/** Groups the states of one scenario, which run one after the other on the same store. */
function inChunks(planned: readonly Planned[]): Planned[][] {
  const chunks: Planned[][] = [];
  const open = new Map<Scenario, Planned[]>();
  for (const state of planned) {
    let chunk = open.get(state.scenario);
    if (chunk === undefined || chunk.length === maxChunk) {
      chunk = [];
      chunks.push(chunk);
      open.set(state.scenario, chunk);
    }
    chunk.push(state);
  }
  return chunks;
}

async function playChunk(
  options: PlayOptions,
  round: number,
  chunk: readonly Planned[],
  lane: number,
): Promise<void> {
  const { signal, report } = options;
  const queue = [...chunk];
  while (queue.length > 0 && !signal.aborted) {
    const directory = join(options.directory, `lane-${lane}`);
    await using bench = await openBench({ directory, seed: seedOf(options, round) });
    await bench.restart();
    let sound = true;
    for (let state = queue.shift(); state !== undefined && sound;) {
      const struck = await strikeOften(bench, state, { ...options, check: queue.length === 0 });
      const { scenario, point } = state;
      const names = { scenario: scenario.name, state: stateName(state), call: point.syscall };
      report({ kind: "syscall", ...names, ...struck });
      // A problem of this state must not appear again in the next state.
      sound = struck.problems.length === 0 && !signal.aborted;
      state = sound ? queue.shift() : undefined;
    }
    await bench[Symbol.asyncDispose]();
    await removeScratch(directory);
  }
}

/**
 * Maximum attempts at a state with `every`. The calls with which threads wake each other sometimes
 * change the ordinal of a call, so that the fault misses it.
 */
const maxTries = 5;

async function strikeOften(
  bench: Bench,
  state: Planned,
  { every = false, check }: { readonly every?: boolean | undefined; readonly check: boolean },
): Promise<Struck> {
  for (let left = every ? maxTries : 1; ; left -= 1) {
    const struck = await strikeSafely(bench, state, check);
    if (struck.reached || struck.problems.length > 0 || left === 1) return struck;
  }
}

/** Reports an unexpected error as a finding too. */
async function strikeSafely(
  bench: Bench,
  { scenario, point, fault }: Planned,
  check: boolean,
): Promise<Struck> {
  try {
    return await strike(bench, scenario, point, fault, { check });
  } catch (error) {
    return { reached: true, problems: [String(error instanceof Error ? error.stack : error)] };
  }
}
