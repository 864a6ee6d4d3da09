// Plays the kind "full": the daemon stops, or is killed at a step of an upload, and then another
// program fills the disk. The daemon must start, read and delete, twice in a row.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exhaust, undoExhaust, type Exhausted } from "../support/fill.js";
import { makeImage, mountImage, unmount, type DiskFilesystem } from "../support/filesystem.js";
import { cannotMount, cannotStrace } from "../support/scratch.js";
import { keptName, openBench, type Bench } from "./bench.js";
import { inspectStore } from "./oracle.js";
import { pointText, type Point } from "./points.js";
import { prepareFor, scenarios, type Scenario } from "./scenarios.js";
import { NotServed, startServed } from "./served.js";
import { create, onlyPossibility, remove, restore } from "./stage.js";
import { inLanes, randomFrom, shuffled, type Kind, type PlayOptions } from "./state.js";
import { quiet, record, strike } from "./syscall-states.js";

interface Subject {
  readonly filesystem: DiskFilesystem;
  readonly exhausted: Exhausted;
}

const subjects: readonly Subject[] = (["ext4", "xfs", "btrfs"] as const).flatMap((filesystem) =>
  (["bytes", "inodes"] as const).map((exhausted) => ({ filesystem, exhausted })),
);

/** The images are small, and those with a fixed number of inodes have few. */
const images = {
  ext4: { sizeMib: 64, options: ["-b", "4096", "-J", "size=4", "-N", "512"] },
  xfs: { sizeMib: 300, options: ["-i", "maxpct=1"] },
  btrfs: { sizeMib: 128, options: [] },
} as const satisfies Record<DiskFilesystem, { sizeMib: number; options: readonly string[] }>;

/** The daemon is killed at steps of these uploads. */
const uploads = ["create", "create-from-directory"] as const;

/** Describes how the daemon ended before the disk became full. */
type End = { readonly at: "stop" } | { readonly at: Point; readonly scenario: Scenario };

export const fullKind: Kind = {
  name: "full",
  cannot() {
    const filesystems = new Set(subjects.map(({ filesystem }) => filesystem));
    const missing = [...filesystems].map(cannotMount).find((why) => why !== false);
    return missing ?? cannotStrace();
  },
  /** Plays about `states` states of each subject, or all of them with `every`. */
  async play(options) {
    const chosen = subjects.filter((subject) => isWanted(prefixOf(subject), options.only));
    const share = Math.max(1, Math.ceil(options.states / Math.max(1, chosen.length)));
    await inLanes(chosen, options.jobs, (subject, lane) =>
      playSubject(subject, { ...options, states: share }, lane),
    );
  },
};

function prefixOf({ filesystem, exhausted }: Subject): string {
  return `full:${filesystem}:${exhausted}:`;
}

function isWanted(name: string, only: string | undefined): boolean {
  return only === undefined || only.startsWith(name) || name.startsWith(only);
}

async function playSubject(subject: Subject, options: PlayOptions, lane: number): Promise<void> {
  const ends: End[] = [];
  let planned = false;
  do {
    await using scene = await openScene(subject, join(options.directory, `full-${lane}`), options);
    if (!planned) ends.push(...(await plan(scene.bench, subject, options)));
    planned = true;
    let sound = true;
    while (sound && ends.length > 0 && !options.signal.aborted) {
      const end = ends.shift() as End;
      const played = await play(scene, subject, end).catch((error: unknown) => ({
        ...{ reached: true, outcome: "failed" },
        problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }));
      const { filesystem, exhausted } = subject;
      const state = stateName(subject, end);
      options.report({ kind: "full", scenario: `${filesystem} ${exhausted}`, state, ...played });
      // A problem of this state must not appear again in the next state.
      sound = played.problems.length === 0;
    }
  } while (ends.length > 0 && !options.signal.aborted);
}

function stateName(subject: Subject, end: End): string {
  const prefix = prefixOf(subject);
  return end.at === "stop" ? `${prefix}stop` : `${prefix}${end.scenario.name}:${pointText(end.at)}`;
}

/** Plans the clean stop and the kills at steps of uploads. */
async function plan(bench: Bench, subject: Subject, options: PlayOptions): Promise<End[]> {
  const { only, every = false, states, seed } = options;
  const kills: End[] = [];
  const wanted = options.scenarios ?? uploads;
  // Different subjects get different kills, even if each plays few states.
  const random = randomFrom(
    seed + subjects.findIndex((one) => prefixOf(one) === prefixOf(subject)),
  );
  if (every || states > 1 || only !== undefined || subject.exhausted === "bytes") {
    for (const name of wanted) {
      const scenario = scenarios.find((one) => one.name === name);
      if (scenario === undefined) throw new Error(`no scenario ${name}`);
      await bench.restart();
      const { points } = await record(bench, scenario);
      kills.push(...stepsOf(points).map((at) => ({ at, scenario })));
    }
  }
  const stop: End = { at: "stop" };
  const some = shuffled(kills, random);
  // The hardest end comes first: the one after which the start needs the exhausted resource most. A
  // clean stop deletes the catalog's log, so the start needs an inode for a new log. A kill leaves
  // an upload for recovery to undo, which needs bytes.
  const all = subject.exhausted === "bytes" ? [...some.slice(0, 1), stop] : [stop];
  all.push(...(every ? kills : some).filter((end) => !all.includes(end)));
  const named = all.filter((end) => only === undefined || stateName(subject, end).startsWith(only));
  return every || only !== undefined ? named : named.slice(0, states);
}

/** Returns the first and the last call of each kind on each path. */
function stepsOf(points: readonly Point[]): Point[] {
  const changing = points.filter(({ what }) => !what.startsWith("reading "));
  const step = ({ syscall, what }: Point): string => `${syscall} ${what}`;
  return changing.filter((point, index) => {
    const isSame = (other: Point): boolean => step(other) === step(point);
    return changing.findIndex(isSame) === index || changing.findLastIndex(isSame) === index;
  });
}

interface Scene extends AsyncDisposable {
  readonly bench: Bench;
  readonly mountPoint: string;
  /** Names a directory on a disk with free space. */
  readonly elsewhere: string;
}

async function openScene(
  { filesystem }: Subject,
  directory: string,
  { seed }: PlayOptions,
): Promise<Scene> {
  const image = join(directory, "disk.img");
  const mountPoint = join(directory, "m");
  const elsewhere = join(directory, "elsewhere");
  await mkdir(mountPoint, { recursive: true });
  await mkdir(elsewhere);
  await makeImage(filesystem, image, images[filesystem].sizeMib, images[filesystem].options);
  await mountImage(image, mountPoint);
  const close = async (): Promise<void> => {
    await unmount(mountPoint);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const bench = await openBench({
      directory: join(directory, "bench"),
      storeDirectory: mountPoint,
      // The socket is on the full disk too, because its file needs an inode.
      socket: join(mountPoint, "s", "d.sock"),
      seed,
    });
    const end = async (): Promise<void> => {
      await bench[Symbol.asyncDispose]();
      await close();
    };
    return { bench, mountPoint, elsewhere, [Symbol.asyncDispose]: end };
  } catch (error) {
    await close();
    throw error;
  }
}

const victims = ["first", "second"] as const;

interface Played {
  readonly reached: boolean;
  readonly problems: readonly string[];
  readonly outcome: string;
}

async function play(scene: Scene, { filesystem, exhausted }: Subject, end: End): Promise<Played> {
  const { bench, mountPoint } = scene;
  const problems = await bench.restart();
  for (const name of victims) problems.push(...(await store(bench, name)));
  await quiet(bench);
  const reached = await bring(bench, end, problems);
  const filler = join(mountPoint, "filler");
  try {
    for (const victim of victims) {
      await exhaust(exhausted, filler, { btrfs: filesystem === "btrfs" });
      const found = await useFull(scene, victim);
      problems.push(...found.map((text) => `full, before ${victim} went: ${text}`));
      if (found.length > 0) break;
      await undoExhaust(filler);
    }
  } finally {
    await bench.served.kill();
    await undoExhaust(filler);
  }
  if (problems.length === 0) problems.push(...(await bench.restart({ check: true })));
  problems.push(...bench.stage.problems.splice(0));
  const how = end.at === "stop" ? "a clean stop" : `a kill at ${end.at.syscall} ${end.at.what}`;
  const step = end.at === "stop" ? how : `${end.scenario.name}: ${how}`;
  const fine = problems.length === 0 ? "starts, reads and deletes" : "fails";
  return { reached, problems, outcome: `${fine} after ${step}` };
}

async function store(bench: Bench, name: string): Promise<string[]> {
  const possible = bench.stage.ledger.expect().names.get(name) ?? [];
  if (possible.some(({ content }) => content !== undefined)) return [];
  const [content] = bench.contents;
  if (content === undefined) throw new Error("the bench has no content");
  const { error } = await create(bench.stage, name, content);
  return error === undefined ? [] : [`${name} could not be stored: ${error.message}`];
}

/** Ends the daemon as planned. Returns false if the daemon never reached the step. */
async function bring(bench: Bench, end: End, problems: string[]): Promise<boolean> {
  if (end.at !== "stop") {
    await prepareFor(bench, end.scenario);
    const { reached } = await strike(bench, end.scenario, end.at, "KILL", { leave: true });
    await bench.served.kill();
    return reached;
  }
  await stopCleanly(bench, problems);
  return true;
}

async function stopCleanly({ served }: Bench, problems: string[]): Promise<void> {
  served.signal("SIGTERM");
  const { code, signal } = await served.exited;
  if (code !== 0) problems.push(`a clean stop ends with ${code ?? signal}: ${served.output()}`);
}

/**
 * Starts the daemon on the full disk, reads, deletes `victim`, ends the daemon, and returns the
 * problems.
 */
async function useFull({ bench, elsewhere }: Scene, victim: string): Promise<string[]> {
  const problems: string[] = [];
  try {
    bench.takeOver(await startServed(bench.place));
  } catch (error) {
    if (!(error instanceof NotServed)) throw error;
    return [`it does not start: ${error.output.slice(-1500)}`];
  }
  problems.push(...(await look(bench)));
  const { error: unread } = await restore({ ...bench.stage, outside: elsewhere }, keptName);
  if (unread !== undefined) problems.push(`restore: ${unread.message}`);
  const { error: refused } = await remove(bench.stage, victim);
  if (refused !== undefined) problems.push(`delete: ${refused.message}`);
  problems.push(...(await look(bench)));
  // The first round ends with a clean stop, the second with a kill.
  if (victim === victims[0]) await stopCleanly(bench, problems);
  else await bench.served.kill();
  return problems;
}

async function look({ place, stage }: Bench): Promise<string[]> {
  const { client, ledger } = stage;
  const owed = ledger.expect();
  const { problems, found } = await inspectStore({
    ...{ root: place.root, client, owed },
    afterCleanStart: false,
  });
  const { id } = onlyPossibility(ledger, keptName);
  const inspected = (await client.inspect(keptName)).snapshot?.config?.id;
  if (id !== undefined && inspected !== id) return [...problems, `inspect: ${inspected}`];
  ledger.settle(found);
  return [...problems];
}
