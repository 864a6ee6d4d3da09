// Plays the kind "log": power cuts derived from a recorded log of the disk's writes. A state has
// the writes of the log up to some entry, without a random half of the unflushed writes. The kind
// "lying" does the same on a disk that reported flushes without making them.
import { execFile, spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run, type Child } from "../support/child.js";
import type { DiskFilesystem } from "../support/filesystem.js";
import { cannotMount, cannotStrace, removeScratch } from "../support/scratch.js";
import type { DiskState } from "./disk-states.js";
import type { RecordJob } from "./record.js";
import { loadRecording, type Recording } from "./recording.js";
import type { ReplayJob, ReplayResult } from "./replay.js";
import { scenarios, type Scenario } from "./scenarios.js";
import {
  inLanes,
  randomFrom,
  shuffled,
  type Kind,
  type PlayOptions,
  type StateResult,
} from "./state.js";

type KindName = "log" | "lying";

/**
 * Describes the recorded run. `name` is the scenario's name, with the prefix `recover-` if its
 * recovery is recorded.
 */
interface Subject {
  readonly name: string;
  readonly filesystem: DiskFilesystem;
  readonly scenario: Scenario;
  readonly recovers: boolean;
}

const filesystems = ["ext4", "xfs", "btrfs"] as const;
const exec = promisify(execFile);

export const logKind: Kind = kindOf("log");
export const lyingKind: Kind = kindOf("lying");

function kindOf(name: KindName): Kind {
  return {
    name,
    cannot: () => cannotRecord(name === "lying"),
    play: (options) =>
      options.recording === undefined ? playNew(name, options) : playKept(name, options),
  };
}

function cannotRecord(lies: boolean): string | false {
  const missing = filesystems.map(cannotMount).find((why) => why !== false);
  if (missing !== undefined) return missing;
  const fuse = "command -v nbdfuse && test -c /dev/fuse && unshare --mount true";
  if (spawnSync("sh", ["-c", fuse]).status !== 0) return "no nbdfuse, /dev/fuse or unshare";
  return lies ? cannotStrace() : false;
}

/**
 * The minimum number of states per recording. Making a recording takes as long as playing dozens of
 * states.
 */
const leastPerRecording = 12;
const mostPerRecording = 200;

async function playNew(kind: KindName, options: PlayOptions): Promise<void> {
  const subjects = subjectsOf(kind).filter((subject) => isWanted(kind, subject, options));
  for (let round = 0, left = options.states; left > 0; round += 1) {
    if (options.signal.aborted || subjects.length === 0) return;
    const seed = options.seed + round * 1009;
    const share = Math.ceil(left / subjects.length);
    const count = Math.min(Math.max(share, leastPerRecording), mostPerRecording);
    const recordings = Math.min(Math.ceil(left / count), subjects.length);
    const chosen = spread(shuffled(subjects, randomFrom(seed))).slice(0, recordings);
    await inLanes(chosen, options.jobs, async (subject, lane) => {
      if (options.signal.aborted) return;
      const directory = join(options.directory, `${kind}-${lane}`);
      await recordAndPlay(kind, subject, { ...options, seed, states: count, directory });
      // Files that cannot be deleted now are deleted with the scratch space.
      await removeScratch(directory).catch(() => undefined);
    });
    if (options.only !== undefined) return;
    left -= count * chosen.length;
  }
}

function subjectsOf(kind: KindName): Subject[] {
  const changing = scenarios.filter(({ changes, name }) => changes || name === "stop");
  return filesystems.flatMap((filesystem) => {
    const whole = changing.map((scenario) => {
      return { name: scenario.name, filesystem, scenario, recovers: false };
    });
    if (kind === "lying") return whole;
    const cutOff = changing
      .filter(({ name }) => name !== "stop")
      .map((scenario) => {
        return { name: `recover-${scenario.name}`, filesystem, scenario, recovers: true };
      });
    return [...whole, ...cutOff];
  });
}

/** Orders the subjects so that a few recordings cover each filesystem. */
function spread(subjects: readonly Subject[]): Subject[] {
  const queues = filesystems.map((one) => subjects.filter(({ filesystem }) => filesystem === one));
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) =>
    queues.flatMap((queue) => queue.slice(index, index + 1)),
  ).flat();
}

function prefixOf(
  kind: KindName,
  { name, filesystem }: Pick<Subject, "name" | "filesystem">,
): string {
  return `${kind}:${filesystem}:${name}:`;
}

function isWanted(kind: KindName, subject: Subject, options: PlayOptions): boolean {
  const { scenarios: wanted, only } = options;
  if (wanted !== undefined && !wanted.includes(subject.name)) return false;
  const prefix = prefixOf(kind, subject);
  return only === undefined || only.startsWith(prefix) || prefix.startsWith(only);
}

async function recordAndPlay(
  kind: KindName,
  subject: Subject,
  options: PlayOptions,
): Promise<void> {
  const { directory, seed } = options;
  const prefix = prefixOf(kind, subject);
  const tell = (state: string, verdict: Partial<StateResult>): void => {
    const scenario = `${subject.filesystem} ${subject.name}`;
    options.report({ kind, scenario, state, reached: true, problems: [], ...verdict });
  };
  let recording: Recording;
  try {
    const problems = await record({
      ...{ directory, seed, lies: kind === "lying", name: subject.name },
      ...{ filesystem: subject.filesystem, scenario: subject.scenario.name },
      recovers: subject.recovers,
    });
    recording = await loadRecording(directory);
    if (problems.length > 0) tell(prefix, { problems });
  } catch (error) {
    tell(prefix, { problems: [`recording failed: ${stackOf(error)}`] });
    return;
  }
  const results = await replay(recording.directory, statesOf(prefix, recording, options));
  // An interrupt also ends the player. Its unfinished states prove nothing.
  if (options.signal.aborted) results.splice(-1);
  const bad = results.some(({ problems }) => problems.length > 0);
  const kept =
    bad && options.keep !== undefined ? await keep(recording, prefix, options) : undefined;
  for (const { offset, pick, ...verdict } of results) {
    tell(`${prefix}${offset}.${pick}`, { ...verdict, recording: kept });
  }
}

/**
 * The fraction of the power cuts that come right after an answer instead of anywhere in the log.
 */
const atAnswers = 1 / 3;
const afterAnswer = 3;

/**
 * Returns the state that was requested by name, or `states` random states. Some of them come right
 * after an answer, and the others anywhere in the log.
 */
function statesOf(
  prefix: string,
  { entries, from, notes }: Recording,
  { seed, states, only = "" }: PlayOptions,
): DiskState[] {
  const named = /^(\d+)\.(\d+)$/.exec(only.slice(prefix.length));
  if (named !== null) return [{ offset: Number(named[1]), pick: Number(named[2]) }];
  const random = randomFrom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const length = entries.length - from;
  const answers = notes
    .flatMap((note) => ("ended" in note ? [note.ended.at - from] : []))
    .filter((offset) => offset >= 0);
  return Array.from({ length: states }, () => {
    const answer = random() < atAnswers ? answers[below(answers.length)] : undefined;
    const offset = answer === undefined ? 1 + below(length) : answer + below(afterAnswer);
    return { offset: Math.min(offset, length), pick: below(1_000_000) };
  });
}

async function playKept(kind: KindName, options: PlayOptions): Promise<void> {
  const directory = options.recording ?? "";
  const recording = await loadRecording(directory);
  const { filesystem, scenario } = recording;
  const prefix = prefixOf(kind, { filesystem, name: scenario });
  const states = statesOf(prefix, recording, options);
  for (const { offset, pick, ...verdict } of await replay(directory, states)) {
    const state = `${prefix}${offset}.${pick}`;
    const facts = { kind, scenario: `${filesystem} ${scenario}`, state, reached: true };
    options.report({ ...facts, ...verdict, recording: directory });
  }
}

async function keep(
  { directory }: Recording,
  prefix: string,
  { keep: place = "", seed }: PlayOptions,
): Promise<string> {
  const kept = join(place, `${prefix.replaceAll(":", "-")}${seed}`);
  await mkdir(dirname(kept), { recursive: true });
  await removeScratch(kept);
  // `cp` preserves the holes of the files, which the comparison of contents needs.
  await exec("cp", ["-a", directory, kept]);
  return kept;
}

/**
 * Unmounts the loop and FUSE filesystems of other runs from the new mount namespace. Otherwise they
 * would stay mounted there after the other runs have unmounted them.
 */
const alone =
  "awk '$1 ~ /^.dev.loop/ || $3 ~ /^fuse/ { print $2 }' /proc/mounts | " +
  'while read -r place; do case "$0$1$2" in *"$place"/*) ;; *) umount -l "$place" ;; esac; done; ' +
  'exec "$@"';

/** Runs a module in a process with its own mounts. */
function runAlone(module: string, directory: string, job: ReplayJob | RecordJob): Child {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const command = [directory, process.execPath, path, JSON.stringify(job)];
  return run("unshare", ["--mount", "sh", "-c", alone, ...command]);
}

async function record(job: RecordJob): Promise<string[]> {
  await using child = runAlone("record.js", job.directory, job);
  const { code } = await child.exited;
  if (code !== 0) throw new Error(child.output());
  const [, last = ""] = /\n(\{"problems".*\})\n/.exec(child.output()) ?? [];
  return (JSON.parse(last) as { problems: string[] }).problems;
}

/** Returns all results. A player that fails reports a finding at its current state. */
async function replay(directory: string, states: readonly DiskState[]): Promise<ReplayResult[]> {
  const job: ReplayJob = { directory, states };
  await using child = runAlone("replay.js", directory, job);
  const { code, signal } = await child.exited;
  const lines = child.output().split("\n");
  const results = lines
    .filter((line) => line.startsWith('{"offset":'))
    .map((line) => JSON.parse(line) as ReplayResult);
  const missing = states[results.length];
  if (missing !== undefined) {
    const end = lines.slice(-12).join("\n");
    results.push({ ...missing, problems: [`the judge ended, ${code ?? signal}: ${end}`] });
  }
  return results;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
