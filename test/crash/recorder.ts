// Records a run: the real daemon plays a scenario on a disk that logs its writes.
import { execFile } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { makeImage, type DiskFilesystem } from "../support/filesystem.js";
import { openBench, type Bench } from "./bench.js";
import { openLoggedDisk } from "./logged-disk.js";
import { filesOf, saveRecording, type Recording } from "./recording.js";
import { prepareFor, type Scenario } from "./scenarios.js";
import { mustSucceed } from "./stage.js";
import { randomFrom, shuffled } from "./state.js";
import { lieAboutSync } from "./strace.js";
import { quiet } from "./syscall-states.js";

export interface RecordOptions {
  /** The directory must not exist yet. */
  readonly directory: string;
  readonly name: string;
  readonly filesystem: DiskFilesystem;
  readonly scenario: Scenario;
  /**
   * If this is true, the daemon is killed during the call and started again, and recovery is
   * recorded too.
   */
  readonly recovers: boolean;
  readonly lies: boolean;
  readonly seed: number;
}

export interface Recorded {
  readonly recording: Recording;
  /** The problems that occurred before any power cut. */
  readonly problems: readonly string[];
}

/** Each image is small, but valid for its filesystem. */
export const imageOf = {
  ext4: {
    sizeMib: 64,
    options: ["-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
  },
  xfs: { sizeMib: 300, options: [] },
  btrfs: { sizeMib: 256, options: [] },
} as const satisfies Record<DiskFilesystem, { sizeMib: number; options: readonly string[] }>;

const exec = promisify(execFile);

export async function recordRun(options: RecordOptions): Promise<Recorded> {
  const { directory, name, filesystem, scenario, seed, lies } = options;
  const { base, writes, mountPoint } = filesOf(directory);
  const image = join(directory, "disk.img");
  await mkdir(mountPoint, { recursive: true });
  await makeImage(filesystem, base, imageOf[filesystem].sizeMib, imageOf[filesystem].options);
  await exec("cp", ["--sparse=always", base, image]);
  const diskFiles = { image, writes, mountPoint, directory: join(directory, "disk") };
  await using disk = await openLoggedDisk(diskFiles);
  const { position } = disk;
  await using bench = await openBench({
    directory: join(directory, "bench"),
    storeDirectory: mountPoint,
    seed,
    position,
  });
  const random = randomFrom(seed);
  const givenIsDurable = scenario.gives === undefined || random() < 0.5;
  await prepareFor(bench, scenario);
  await quiet(bench);
  if (givenIsDurable) await exec("sync", ["-f", mountPoint]);
  const from = position();
  const problems = lies
    ? await actOnLiar(bench, scenario, random)
    : await act(bench, { ...options, givenIsDurable, mountPoint }, random);
  const to = position();
  const notes = structuredClone(bench.ledger.notes());
  await bench[Symbol.asyncDispose]();
  const entries = (await disk.end()).slice(0, to);
  const [spare] = bench.contents;
  if (spare === undefined) throw new Error("the bench has no contents");
  const recording: Recording = {
    ...{ directory, filesystem, scenario: name, from, entries, notes, spare },
    ...{ givenIsDurable, lies },
  };
  await saveRecording(recording);
  await rm(image);
  return { recording, problems: [...problems, ...bench.stage.problems] };
}

interface Acting extends RecordOptions {
  readonly givenIsDurable: boolean;
  readonly mountPoint: string;
}

/**
 * The scenario runs twice, because the caches are warm in the second run. The preparation of the
 * second run is part of the recording, because it also deletes snapshots. With `recovers`, the
 * scenario runs once, and then the daemon is killed during two more runs.
 */
const turns = 2;
const kills = 2;

async function act(bench: Bench, options: Acting, random: () => number): Promise<string[]> {
  const { scenario, recovers } = options;
  const problems: string[] = [];
  let durationMs = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    if (turn > 0) await getReady(bench, options, problems);
    const began = performance.now();
    mustSucceed(await scenario.act(bench));
    durationMs = performance.now() - began;
    await quiet(bench, scenario);
    if (recovers) break;
  }
  for (let kill = 0; recovers && kill < kills; kill += 1) {
    await getReady(bench, options, problems);
    const acting = scenario.act(bench);
    await pause(random() * durationMs);
    await bench.served.kill();
    await acting;
    problems.push(...(await bench.restart()));
  }
  return problems;
}

async function getReady(
  bench: Bench,
  { scenario, givenIsDurable, mountPoint }: Acting,
  problems: string[],
): Promise<void> {
  if (!bench.served.isRunning()) problems.push(...(await bench.restart()));
  await prepareFor(bench, scenario);
  await quiet(bench);
  const gives = scenario.gives !== undefined;
  if (gives && givenIsDurable) await exec("sync", ["-f", mountPoint]);
}

/**
 * Plays the scenario while the daemon's flushes have no effect. Afterwards the harness syncs the
 * files and directories of the root in a random order.
 */
async function actOnLiar(
  bench: Bench,
  scenario: Scenario,
  random: () => number,
): Promise<string[]> {
  const lying = await lieAboutSync(bench.served.pid, bench.traceFile);
  mustSucceed(await scenario.act(bench));
  await quiet(bench, scenario);
  const paths = await allBelow(bench.place.root);
  for (const path of shuffled(paths, random)) {
    // SQLite may have deleted its locks and temporary files since the listing.
    await exec("sync", [path]).catch(() => undefined);
  }
  await lying.detach();
  return [];
}

async function allBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const kept = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  return [directory, ...kept.map(({ parentPath, name }) => join(parentPath, name))];
}
