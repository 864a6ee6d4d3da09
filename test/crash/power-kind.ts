// Plays the kind "power": the filesystem is cut off from its disk while the daemon works. The
// harness stops the daemon before the cut, so that it acknowledges nothing that the disk did not
// receive. Everything that the filesystem had not written by then is lost.
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { run } from "../support/child.js";
import { makeImage, mountImage, unmount, unmountImage } from "../support/filesystem.js";
import { cannotMount, removeScratch } from "../support/scratch.js";
import { openBench, type Bench } from "./bench.js";
import { imageOf } from "./recorder.js";
import { prepareFor, scenarios, type Scenario } from "./scenarios.js";
import { serveCommand, serveEnvironment } from "./served.js";
import { inLanes, randomFrom, shuffled, type Kind, type PlayOptions } from "./state.js";
import { quiet } from "./syscall-states.js";

const filesystems = ["ext4", "xfs"] as const;

/** Describes states that run one after the other on the same store. */
interface Subject {
  readonly filesystem: (typeof filesystems)[number];
  readonly scenario: Scenario;
}

/** The moment of the cut, as a percentage of the undisturbed duration of the call. */
interface Cut {
  readonly during: number;
  /**
   * The moment of a second cut, during the restart after the first. It is a percentage of the
   * duration of a start without a cut.
   */
  readonly inRecovery?: number;
}

export const powerKind: Kind = {
  name: "power",
  cannot() {
    const missing = filesystems.map(cannotMount).find((why) => why !== false);
    if (missing !== undefined) return missing;
    return spawnSync("sh", ["-c", "command -v xfs_io"]).status === 0 ? false : "no xfs_io";
  },
  async play(options) {
    const subjects = filesystems
      .flatMap((filesystem) => scenarios.map((scenario) => ({ filesystem, scenario })))
      .filter((subject) => subject.scenario.changes && isWanted(subject, options));
    for (let round = 0, left = options.states; left > 0; round += 1) {
      if (options.signal.aborted || subjects.length === 0) return;
      const seed = options.seed + round * 1009;
      const share = Math.ceil(left / subjects.length);
      const count = Math.min(Math.max(share, leastPerBench), mostPerBench, left);
      const benches = Math.min(Math.ceil(left / count), subjects.length);
      const chosen = shuffled(subjects, randomFrom(seed)).slice(0, benches);
      await inLanes(chosen, options.jobs, (subject, lane) =>
        playSubject(subject, { ...options, seed, states: count }, lane),
      );
      if (options.only !== undefined) return;
      left -= count * benches;
    }
  },
};

const leastPerBench = 6;
const mostPerBench = 24;

function prefixOf({ filesystem, scenario }: Subject): string {
  return `power:${filesystem}:${scenario.name}:`;
}

function isWanted(subject: Subject, { scenarios: wanted, only }: PlayOptions): boolean {
  if (wanted !== undefined && !wanted.includes(subject.scenario.name)) return false;
  const prefix = prefixOf(subject);
  return only === undefined || only.startsWith(prefix) || prefix.startsWith(only);
}

/**
 * Returns the cut that was requested by name, or random cuts. One in three is followed by a cut
 * during recovery, and some cuts come after the call and its work have ended.
 */
function cutsOf(prefix: string, { seed, states, only = "" }: PlayOptions): Cut[] {
  const named = /^(\d+)(?:,(\d+))?$/.exec(only.slice(prefix.length));
  if (named !== null) return [cutOf(Number(named[1]), named[2])];
  const random = randomFrom(seed);
  return Array.from({ length: states }, () => {
    const during = Math.floor(random() * 130);
    return cutOf(during, random() < 1 / 3 ? Math.floor(random() * 110) : undefined);
  });
}

function cutOf(during: number, inRecovery: number | string | undefined): Cut {
  return inRecovery === undefined ? { during } : { during, inRecovery: Number(inRecovery) };
}

async function playSubject(subject: Subject, options: PlayOptions, lane: number): Promise<void> {
  const { report, signal } = options;
  const prefix = prefixOf(subject);
  const cuts = cutsOf(prefix, options);
  const scenario = `${subject.filesystem} ${subject.scenario.name}`;
  while (cuts.length > 0 && !signal.aborted) {
    const directory = join(options.directory, `power-${lane}`);
    await using scene = await openScene(subject, directory, options.seed);
    let sound = true;
    while (sound && !signal.aborted) {
      const cut = cuts.shift();
      if (cut === undefined) break;
      const { during, inRecovery } = cut;
      const state = `${prefix}${during}${inRecovery === undefined ? "" : `,${inRecovery}`}`;
      const problems = await strike(scene, subject.scenario, cut, cuts.length === 0).catch(
        (error: unknown) => [error instanceof Error ? (error.stack ?? "") : String(error)],
      );
      report({ kind: "power", scenario, state, reached: true, problems });
      sound = problems.length === 0;
    }
  }
}

interface Scene extends AsyncDisposable {
  readonly bench: Bench;
  readonly image: string;
  readonly mountPoint: string;
  /**
   * The duration of the call without a power cut, in milliseconds. `startMs` is that of a start.
   */
  readonly callMs: number;
  readonly startMs: number;
}

const exec = promisify(execFile);

async function openScene(
  { filesystem, scenario }: Subject,
  directory: string,
  seed: number,
): Promise<Scene> {
  const image = join(directory, "disk.img");
  const mountPoint = join(directory, "mnt");
  await mkdir(mountPoint, { recursive: true });
  await makeImage(filesystem, image, imageOf[filesystem].sizeMib, imageOf[filesystem].options);
  await mountImage(image, mountPoint);
  const close = async (): Promise<void> => {
    await unmount(mountPoint).catch(() => undefined);
    await removeScratch(directory);
  };
  try {
    const bench = await openBench({
      directory: join(directory, "bench"),
      storeDirectory: mountPoint,
      seed,
    });
    await prepareFor(bench, scenario);
    await quiet(bench);
    const callMs = await timed(() => scenario.act(bench));
    await quiet(bench, scenario);
    const startMs = await timed(() => bench.restart());
    // The caller must make the files next to the store durable.
    await exec("sync", ["-f", mountPoint]);
    const end = async (): Promise<void> => {
      await bench[Symbol.asyncDispose]();
      await close();
    };
    return { bench, image, mountPoint, callMs, startMs, [Symbol.asyncDispose]: end };
  } catch (error) {
    await close();
    throw error;
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function strike(
  scene: Scene,
  scenario: Scenario,
  { during, inRecovery }: Cut,
  check: boolean,
): Promise<string[]> {
  const { bench, mountPoint, callMs, startMs } = scene;
  await prepareFor(bench, scenario);
  await quiet(bench);
  if (scenario.gives !== undefined) await exec("sync", ["-f", mountPoint]);
  const acting = scenario.act(bench);
  await pause((callMs * during) / 100);
  const { served } = bench;
  await cutPower(served.pid, mountPoint);
  await acting;
  await served.kill();
  await remount(scene);
  if (inRecovery !== undefined) {
    const [command = "", ...args] = serveCommand(bench.place);
    await using starting = run(command, args, serveEnvironment);
    await pause((startMs * inRecovery) / 100);
    await cutPower(starting.pid, mountPoint);
    await starting.exited;
    await remount(scene);
  }
  return [...(await bench.restart({ check })), ...bench.stage.problems.splice(0)];
}

async function remount({ image, mountPoint }: Scene): Promise<void> {
  await unmountImage(image, mountPoint);
  await mountImage(image, mountPoint);
}

/**
 * Stops every thread, detaches the disk without writing the filesystem's log, and kills the daemon.
 */
async function cutPower(pid: number, mountPoint: string): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await whenStopped(pid);
  await exec("xfs_io", ["-x", "-c", "shutdown", mountPoint]);
  process.kill(pid, "SIGKILL");
}

const stopLimitMs = 10_000;

/**
 * Waits until every thread has stopped. A thread that waits for the disk in a system call stops
 * when that call ends.
 */
async function whenStopped(pid: number): Promise<void> {
  const end = performance.now() + stopLimitMs;
  while (performance.now() < end) {
    const threads = await readdir(`/proc/${pid}/task`);
    const states = await Promise.all(
      threads.map(async (thread) => {
        const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => "");
        return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
      }),
    );
    if (states.every((state) => state === "T" || state === "")) return;
    await pause(1);
  }
  throw new Error(`process ${pid} does not stop`);
}
