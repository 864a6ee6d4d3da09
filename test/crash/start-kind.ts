// Plays the kind "start", which injects faults into recovery itself. The harness keeps roots of
// interrupted daemons. Each state restores one root, injects a fault at one system call of the
// start, and judges the next start.
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { run } from "../support/child.js";
import { cannotStrace, removeScratch } from "../support/scratch.js";
import { openBench, type Bench } from "./bench.js";
import { inspectStore } from "./oracle.js";
import { diskErrors, withoutIds } from "./points.js";
import { scenarios } from "./scenarios.js";
import {
  NotServed,
  onlyChildOf,
  serveCommand,
  serveEnvironment,
  whenListening,
  type Served,
} from "./served.js";
import { inLanes, randomFrom, shuffled, type Kind, type PlayOptions } from "./state.js";
import { injection, wasInjected, type Fault } from "./strace.js";
import { record, strike, type Struck } from "./syscall-states.js";
import { isWithin, parseTrace, type Call } from "./trace.js";

/**
 * Describes an interrupted root. The daemon was killed at a call that `killedAt` accepts, and then
 * `ruin` changed the root.
 */
interface Mess {
  readonly name: string;
  readonly scenario: string;
  readonly killedAt: (what: string, syscall: string) => boolean;
  /**
   * The index of the call among those that `killedAt` accepts, counted from 0 or, if negative, from
   * the end.
   */
  readonly which: number;
  readonly ruin?: (root: string) => Promise<void>;
}

const isWal = (what: string): boolean => what === "catalog.db-wal";

const messes: readonly Mess[] = [
  {
    name: "staged",
    scenario: "create",
    killedAt: (what, syscall) => syscall === "fsync" && what.startsWith("staging/ID/files/"),
    which: -1,
  },
  {
    name: "published",
    scenario: "create",
    killedAt: (what, syscall) => syscall === "fsync" && isWal(what),
    which: 1,
  },
  {
    name: "taken-over",
    scenario: "create-from-directory",
    killedAt: (what, syscall) => syscall === "fsync" && what === "staging/ID/manifest.json",
    which: 0,
  },
  {
    name: "taken-over-published",
    scenario: "create-from-directory",
    killedAt: (what, syscall) => syscall === "fsync" && what === "data",
    which: 0,
  },
  {
    name: "hashing",
    scenario: "create-from-directory",
    killedAt: (what, syscall) => syscall === "fsync" && what.startsWith("data/ID/blocks"),
    which: 0,
  },
  {
    name: "deleting",
    scenario: "delete",
    killedAt: (_, syscall) => syscall === "renameat2",
    which: 0,
  },
  {
    name: "purging",
    scenario: "delete",
    killedAt: (_, syscall) => syscall === "unlink",
    which: 3,
  },
  {
    name: "taking",
    scenario: "take",
    killedAt: (what, syscall) => syscall === "fsync" && what === "data/ID/files",
    which: 0,
  },
  {
    name: "taken",
    scenario: "take",
    killedAt: (what, syscall) => syscall === "fsync" && what === ".",
    which: 0,
  },
  {
    name: "replacing",
    scenario: "replace",
    killedAt: (what, syscall) => syscall === "renameat2" && what.startsWith("data/"),
    which: -1,
  },
  {
    name: "updating",
    scenario: "update",
    killedAt: (what, syscall) => syscall === "fsync" && what.includes("manifest"),
    which: 0,
  },
  {
    name: "no-catalog",
    scenario: "create",
    killedAt: (what, syscall) => syscall === "fsync" && what === "data",
    which: 0,
    ruin: async (root) => {
      for (const suffix of ["", "-wal"]) await rm(join(root, `catalog.db${suffix}`));
    },
  },
];

export const startKind: Kind = {
  name: "start",
  strikesCalls: true,
  cannot: cannotStrace,
  async play(options) {
    const random = randomFrom(options.seed);
    const tried = new Set<string>();
    for (let round = 0, left = options.states; left > 0; round += 1) {
      const wanted = messes.filter(({ name }) => isWanted(options, name));
      const share =
        options.every === true ? Infinity : Math.ceil(left / Math.max(1, wanted.length));
      let played = 0;
      await inLanes(shuffled(wanted, random), options.jobs, async (mess, lane) => {
        if (options.signal.aborted) return;
        const states = await playMess(options, mess, { round, lane, share, tried });
        played += states;
      });
      const isDone = options.every === true || options.only !== undefined;
      if (played === 0 || options.signal.aborted || isDone) return;
      left -= played;
    }
  },
};

function isWanted({ scenarios: wanted, only }: PlayOptions, name: string): boolean {
  if (wanted !== undefined) return wanted.includes(name);
  const prefix = `start:${name}:`;
  return only === undefined || only.startsWith(prefix) || prefix.startsWith(only);
}

interface Turn {
  readonly round: number;
  readonly lane: number;
  readonly share: number;
  /**
   * The calls at which faults were already injected in other roots. Most of a start does not depend
   * on the root, so with `every` each call is tried in one root only.
   */
  readonly tried: Set<string>;
}

async function playMess(options: PlayOptions, mess: Mess, turn: Turn): Promise<number> {
  const directory = join(options.directory, `start-${turn.lane}`);
  const seed = options.seed + turn.round * 1009;
  await using bench = await openBench({ directory, seed });
  await makeMess(bench, mess);
  const saved = await save(directory, bench);
  const points = await recordStart(bench);
  const faults = options.every === true ? () => diskErrors : faultsAt;
  const states = points
    .filter((point) => options.every !== true || isNew(turn.tried, point))
    .flatMap((point) => faults(point).map((fault) => ({ point, fault })))
    .map((state) => ({ ...state, name: stateName(mess, state) }))
    .filter(({ name }) => options.only === undefined || name.startsWith(options.only));
  const chosen = shuffled(states, randomFrom(seed)).slice(0, turn.share);
  let played = 0;
  for (const [index, { point, fault, name }] of chosen.entries()) {
    if (options.signal.aborted) break;
    await restoreSaved(saved, directory, bench);
    const check = index === 0;
    const struck = await strikeStart(bench, point, fault, check).catch(unexpected);
    const names = { scenario: mess.name, state: name, call: point.syscall };
    options.report({ kind: "start", ...names, ...struck });
    played += 1;
  }
  await bench[Symbol.asyncDispose]();
  await removeScratch(directory);
  return played;
}

function isNew(tried: Set<string>, { syscall, what, nth }: StartPoint): boolean {
  const size = tried.size;
  return tried.add(`${syscall} ${what} ${nth}`).size > size;
}

function unexpected(error: unknown): Struck {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { reached: true, problems: [text] };
}

/** Kills the daemon in the middle of the scenario and keeps the root in that state. */
async function makeMess(bench: Bench, mess: Mess): Promise<void> {
  const scenario = scenarios.find(({ name }) => name === mess.scenario);
  if (scenario === undefined) throw new Error(`no scenario ${mess.scenario}`);
  await bench.restart();
  const { points } = await record(bench, scenario);
  const point = points.filter(({ what, syscall }) => mess.killedAt(what, syscall)).at(mess.which);
  if (point === undefined) throw new Error(`${mess.scenario} has no point for ${mess.name}`);
  await bench.restart();
  const { reached } = await strike(bench, scenario, point, "KILL", { leave: true });
  if (!reached) throw new Error(`${mess.scenario} was not struck for ${mess.name}`);
  await mess.ruin?.(bench.place.root);
}

const exec = promisify(execFile);

/**
 * Describes a saved root. It is restored under the same absolute paths, because the store records
 * the origin of a directory that was taken over.
 */
interface Saved {
  readonly saved: string;
  readonly mark: number;
}

async function save(directory: string, bench: Bench): Promise<Saved> {
  const saved = join(directory, "saved");
  await exec("cp", ["-a", "--sparse=always", bench.place.root, `${saved}-root`]);
  await exec("cp", ["-a", "--sparse=always", bench.outside, `${saved}-outside`]);
  return { saved, mark: bench.ledger.mark() };
}

async function restoreSaved(
  { saved, mark }: Saved,
  directory: string,
  bench: Bench,
): Promise<void> {
  await bench.served.kill();
  for (const part of ["root", "outside"]) {
    await removeScratch(join(directory, part));
    await exec("cp", ["-a", `${saved}-${part}`, join(directory, part)]);
  }
  bench.ledger.rewind(mark);
}

interface StartPoint {
  readonly syscall: string;
  readonly path: string;
  /** The ordinal of the call on this path. */
  readonly nth: number;
  readonly what: string;
  readonly changes: boolean;
}

function faultsAt({ changes }: StartPoint): Fault[] {
  return changes ? ["KILL", ...diskErrors] : [...diskErrors];
}

function stateName(mess: Mess, { point, fault }: { point: StartPoint; fault: Fault }): string {
  const { syscall, what, nth } = point;
  return `start:${mess.name}:${syscall}.${what}.${nth}:${fault}`;
}

const readOnly =
  /^(newfstatat|statx|fstat|lstat|stat|access|faccessat2?|readlink|getdents64|lseek|read|pread64|close|fcntl|statfs|fstatfs)$/;
/** Makes the names of temporary files equal, which would otherwise differ at each start. */
const sameNames = { NODE_OPTIONS: `--import ${new URL("same-names.js", import.meta.url).href}` };

/** Records all system calls on the root and on the callers' files until the daemon listens. */
async function recordStart(bench: Bench): Promise<StartPoint[]> {
  const { place, outside, traceFile } = bench;
  const served = await startTraced(bench, ["-e", "trace=%file,%desc"]);
  await served.kill();
  const calls = parseTrace(await readFile(traceFile, "utf8"));
  const counts = new Map<string, number>();
  const points: StartPoint[] = [];
  for (const call of calls) {
    const path = call.paths.find((one) => isWithin(one, place.root) || isWithin(one, outside));
    if (path === undefined || path.endsWith(".sock")) continue;
    const key = `${call.name} ${path}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    const what = withoutIds(path, [place.root, outside]);
    points.push({ syscall: call.name, path, nth, what, changes: changes(call) });
  }
  return points;
}

function changes({ name, text }: Call): boolean {
  return name === "openat" ? text.includes("O_CREAT") : !readOnly.test(name);
}

async function startTraced(bench: Bench, args: readonly string[]): Promise<Served> {
  const { place, traceFile } = bench;
  await rm(traceFile, { force: true });
  const strace = ["-f", "-y", "-ttt", "-s", "0", "-o", traceFile, ...args];
  const environment = { ...serveEnvironment, ...sameNames };
  const child = run("strace", [...strace, ...serveCommand(place)], environment);
  return await whenListening(child, place, () => onlyChildOf(child.pid));
}

async function strikeStart(
  bench: Bench,
  { syscall, path, nth }: StartPoint,
  fault: Fault,
  check: boolean,
): Promise<Struck> {
  const problems: string[] = [];
  let killed = false;
  let outcome = "serves";
  try {
    const inject = ["-P", path, "-e", `trace=${syscall}`, "-e", injection(syscall, nth, fault)];
    const served = await startTraced(bench, inject);
    bench.takeOver(served);
    const { root } = bench.place;
    const { client, ledger } = bench.stage;
    const view = { root, client, owed: ledger.expect(), afterCleanStart: false };
    const seen = await inspectStore(view);
    problems.push(...seen.problems.map((text) => `served after a fault: ${text}`));
    await served.kill();
  } catch (error) {
    if (!(error instanceof NotServed)) throw error;
    killed = error.exit.signal === "SIGKILL";
    outcome = `refused, exit ${error.exit.code ?? error.exit.signal}`;
    if (fault !== "KILL") problems.push(...rudeEnd(error));
  }
  const met = fault === "KILL" ? killed : await wasInjected(bench.traceFile);
  problems.push(...(await bench.restart({ check })));
  return { reached: met, problems, outcome };
}

/** Checks that a daemon that cannot start explains why, in words for people. */
function rudeEnd({ output, exit }: NotServed): string[] {
  const problems: string[] = [];
  if (exit.code === null || exit.code === 0) problems.push(`ended with ${JSON.stringify(exit)}`);
  if (/\n {4}at |fault of the program/.test(output))
    problems.push(`not a documented error: ${output}`);
  return problems;
}
