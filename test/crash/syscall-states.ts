// Plays one state: injects a fault at one system call of one scenario, and judges the store after
// the next start.
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { entriesOf } from "../store/contents.js";
import type { Bench } from "./bench.js";
import { inspectStore } from "./oracle.js";
import { pointsOf, type Point } from "./points.js";
import { prepareFor, type Scenario } from "./scenarios.js";
import type { CallResult } from "./stage.js";
import { injectInto, recordCalls, threadsOf, wasInjected, type Fault } from "./strace.js";
import { answeredAt, parseTrace, type Call } from "./trace.js";

export interface Recording {
  readonly calls: readonly Call[];
  readonly points: readonly Point[];
  /** The time at which the daemon sent its answer, in wall-clock seconds. */
  readonly answeredAt: number;
  readonly result: CallResult;
}

/** Plays a scenario undisturbed and records the calls of the daemon. */
export async function record(bench: Bench, scenario: Scenario): Promise<Recording> {
  await prepareFor(bench, scenario);
  await quiet(bench);
  const threads = await threadsOf(bench.served.pid);
  const tracing = await recordCalls(bench.served.pid, bench.traceFile);
  const result = await scenario.act(bench);
  await quiet(bench, scenario);
  await tracing.detach();
  const calls = parseTrace(await readFile(bench.traceFile, "utf8"));
  const answered = answeredAt(calls, result.answeredAt);
  const watched = [bench.place.root, bench.outside];
  return {
    calls,
    points: pointsOf(calls, threads, watched, { answeredAt: answered, follows: scenario.follows }),
    answeredAt: answered,
    result,
  };
}

export interface Struck {
  /** True if the daemon reached the call. */
  readonly reached: boolean;
  readonly problems: readonly string[];
  /** The caller's answer. */
  readonly outcome?: string;
}

export async function strike(
  bench: Bench,
  scenario: Scenario,
  point: Point,
  fault: Fault,
  options: { readonly check?: boolean; readonly leave?: boolean } = {},
): Promise<Struck> {
  const { stage, traceFile } = bench;
  await prepareFor(bench, scenario);
  await quiet(bench);
  await rm(traceFile, { force: true });
  const thread = (await threadsOf(bench.served.pid))[point.thread];
  if (thread === undefined) return { reached: false, problems: ["the daemon lacks that thread"] };
  const injecting = await injectInto(thread, { ...point, fault }, traceFile);
  const result = await scenario.act(bench);
  await quiet(bench, scenario);
  await injecting.detach();
  const met =
    fault === "KILL"
      ? await wasKilled(bench)
      : await wasInjected(traceFile, [bench.place.root, bench.outside]);
  const problems = stage.problems.splice(0);
  if (met && fault !== "KILL" && scenario.name !== "stop") {
    problems.push(...(await judgeAlive(bench, scenario, { point, fault }, result)));
  }
  const outcome = scenario.name === "stop" ? await endOf(bench) : outcomeText(result);
  // The caller wants to keep the root in its current state.
  if (options.leave === true) return { reached: met, problems, outcome };
  problems.push(...(await bench.restart(options)), ...stage.problems.splice(0));
  return { reached: met, problems, outcome };
}

/** Checks that after a disk error no caller got a wrong answer and the daemon continues. */
async function judgeAlive(
  bench: Bench,
  scenario: Scenario,
  { point, fault }: { readonly point: Point; readonly fault: Fault },
  result: CallResult,
): Promise<string[]> {
  const { stage, served, place } = bench;
  if (!served.isRunning()) {
    const how = JSON.stringify(await served.exited);
    return [`the daemon ended by itself, ${how}: ${lastLines(served.output())}`];
  }
  // If the disk is full for a file of the catalog, the harness writes nothing after the failed
  // commit. The next start then proves that the remains of that commit in the log have no effect.
  const untouched = fault === "ENOSPC" && point.what.startsWith("catalog.db");
  const problems: string[] = [];
  const sync = point.syscall === "fsync" || point.syscall === "fdatasync";
  if (sync && point.promised && scenario.changes && result.outcome.kind === "acknowledged") {
    problems.push(`acknowledged although ${point.syscall} of ${point.what} had failed`);
  }
  const { ledger, client } = stage;
  const view = { root: place.root, client, owed: ledger.expect(), afterCleanStart: false };
  problems.push(...(await inspectStore(view)).problems.map((text) => `before a restart: ${text}`));
  if (result.outcome.kind === "refused" && !untouched) {
    const again = await scenario.act(bench);
    if (again.outcome.kind !== "acknowledged") {
      problems.push(`the call fails again without a fault: ${again.error?.message ?? "?"}`);
    }
    await quiet(bench, scenario);
  }
  return problems;
}

function outcomeText({ error }: CallResult): string {
  if (error === undefined) return "answered";
  return error.metadata["commit"] === "unknown" ? `${error.reason}, unknown` : error.reason;
}

async function endOf({ served }: Bench): Promise<string> {
  if (served.isRunning()) return "goes on";
  const { code, signal } = await served.exited;
  return signal === null ? `ended with ${code}` : `ended by ${signal}`;
}

function lastLines(output: string): string {
  return output.split("\n").slice(-12).join("\n");
}

async function wasKilled({ served }: Bench): Promise<boolean> {
  return !served.isRunning() && (await served.exited).signal === "SIGKILL";
}

const quietLimitMs = 3_000;
const graceMs = 150;
const settleMs = 30;

/** Waits until the work after the answer is done or cannot continue, for at most `quietLimitMs`. */
export async function quiet(bench: Bench, scenario?: Scenario): Promise<void> {
  const end = performance.now() + quietLimitMs;
  while (bench.served.isRunning() && performance.now() < end) {
    const before = await catalogState(bench);
    if (await isQuiet(bench, scenario)) {
      await pause(settleMs);
      if ((await catalogState(bench)) === before) return;
      continue;
    }
    if (await wasInjected(bench.traceFile)) return await pause(graceMs);
    await pause(5);
  }
}

/** Returns a text that changes with each commit. */
async function catalogState({ place }: Bench): Promise<string> {
  const { size, mtimeMs } = await stat(join(place.root, "catalog.db-wal")).catch(() => ({
    size: 0,
    mtimeMs: 0,
  }));
  return `${size} ${mtimeMs}`;
}

async function isQuiet({ place, stage, ...bench }: Bench, scenario?: Scenario): Promise<boolean> {
  const possible = [...stage.ledger.expect().names.values()];
  if (possible.some(({ length }) => length !== 1)) return false;
  const stored = possible.filter(([only]) => only?.content !== undefined).length;
  const [data, trash] = [await entriesOf(place.root, "data"), await entriesOf(place.root, "trash")];
  if (data.length !== stored || trash.length > 0) return false;
  if (scenario?.isDone === undefined) return true;
  return await scenario.isDone({ place, stage, ...bench }).catch(() => true);
}
