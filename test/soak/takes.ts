// Plays TakeToDirectory while the daemon is killed at random moments. After each start every
// snapshot must be whole in the store or whole in its directory, never in both and never in
// neither, and a repeated request must get the first answer.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  CloneMode,
  createFromLocalDirectory,
  isStoreError,
  type Client,
} from "../../src/client/index.js";
import { alarmsIn } from "../crash/oracle.js";
import {
  serveCommand,
  serveEnvironment,
  startServed,
  type Place,
  type Served,
} from "../crash/served.js";
import { randomFrom } from "../crash/state.js";
import {
  compareContents,
  compareDirectories,
  compareStored,
  entriesOf,
  makeSmallSource,
} from "../store/contents.js";
import { run } from "../support/child.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { compareFiles } from "../support/scratch.js";
import type { SoakResult } from "./soak-main.js";

export interface TakesOptions {
  /** Must be empty, and its path short, because a socket is below it. */
  readonly directory: string;
  readonly seed: number;
  readonly takes: number;
  readonly signal: AbortSignal;
}

type TakeAnswer = Awaited<ReturnType<Client["takeToDirectory"]>>;

/** A directory that the store cannot reach, and the seed that makes another one like it. */
interface Twin {
  readonly directory: string;
  readonly seed: number;
}

/** One snapshot that a round takes. */
interface Take {
  readonly id: string;
  /** Has the files of the snapshot. */
  readonly twin: Twin;
  readonly directory: string;
  readonly requestId: string;
  /** A clone that links to a file of the snapshot. */
  readonly clone: string | undefined;
  answer?: TakeAnswer;
}

interface Play {
  readonly root: string;
  readonly at: (name: string) => string;
  readonly random: () => number;
  readonly twins: readonly Twin[];
  readonly problems: string[];
  readonly count: (what: string, times?: number) => void;
  served: Served;
  /** The duration of the calls of a round that nobody disturbs, in milliseconds. */
  callsMs: number;
  startMs: number;
  names: number;
}

const linkedFile = "memory-ranges";
const maxPerRound = 6;
/** The share of rounds in which the start after the kill is killed too. */
const killedStarts = 1 / 3;

export async function playTakes(options: TakesOptions): Promise<SoakResult> {
  const { directory, seed, takes, signal } = options;
  const random = randomFrom(seed);
  const counts = new Map<string, number>();
  const at = (name: string): string => join(directory, name);
  const place = { root: at("root"), socket: join(at("s"), "d.sock") };
  await mkdir(at("s"), { mode: 0o700 });
  const twins = await Promise.all(
    [1, 2, 3].map(async (each) => {
      const own = (seed % 1000) + each;
      return { directory: await makeSmallSource(at(`twin-${each}`), own), seed: own };
    }),
  );
  const began = performance.now();
  const served = await startServed(place);
  const play: Play = {
    ...{ root: place.root, at, random, twins, served, problems: [], names: 0 },
    startMs: performance.now() - began,
    callsMs: 0,
    count: (what, times = 1) => void counts.set(what, (counts.get(what) ?? 0) + times),
  };
  try {
    let left = takes;
    while (left > 0 && !signal.aborted && play.problems.length === 0) {
      const size = Math.min(left, 1 + Math.floor(random() * maxPerRound));
      await playRound(play, size, () => restart(play, place));
      left -= size;
    }
  } finally {
    await play.served.kill();
  }
  return { problems: play.problems, counts };
}

async function playRound(play: Play, size: number, restarted: () => Promise<void>): Promise<void> {
  const takes: Take[] = [];
  for (let each = 0; each < size; each += 1) takes.push(await prepare(play));
  const began = performance.now();
  const calls = Promise.all(takes.map((take) => call(play, take)));
  if (play.callsMs === 0) {
    await calls;
    play.callsMs = performance.now() - began;
  } else {
    await pause(play.random() * play.callsMs * 1.3);
    await play.served.kill();
    await calls;
    play.count("kills");
    await restarted();
  }
  play.count("takes", takes.length);
  for (const take of takes) await judge(play, take);
  for (const take of takes) await repeat(play, take);
  for (const take of takes) await judgeClone(play, take);
  await requireNothingLeft(play);
  for (const { directory, clone } of takes) {
    await rm(directory, { recursive: true, force: true });
    if (clone !== undefined) await rm(clone, { recursive: true });
  }
}

/** Stores a snapshot: by an upload, or by a move of a directory, whose digests come later. */
async function prepare(play: Play): Promise<Take> {
  const { at, random, twins, served } = play;
  play.names += 1;
  const name = `vm-${play.names}`;
  const twin = twins[Math.floor(random() * twins.length)] as Twin;
  const isLinked = random() < 1 / 3;
  const id = await store(play, name, twin, isLinked || random() < 0.5);
  const clone = isLinked ? at(`clone-${name}`) : undefined;
  if (clone !== undefined) {
    const files = [{ name: linkedFile, mode: CloneMode.LINK }];
    const request = { ref: id, directory: clone, files, defaultMode: CloneMode.SKIP };
    await served.client.cloneToDirectory({ ...request, durable: true });
  }
  const directory = at(`taken-${name}`);
  if (random() < 1 / 4) await mkdir(directory);
  return { id, twin, directory, requestId: randomUUID(), clone };
}

async function store(
  { at, served: { client } }: Play,
  name: string,
  twin: Twin,
  sends: boolean,
): Promise<string> {
  const config = { name };
  if (sends) {
    const { snapshot } = await createFromLocalDirectory(client, twin.directory, { config });
    return snapshot?.config?.id ?? "";
  }
  const directory = await makeSmallSource(at(`given-${name}`), twin.seed);
  const { snapshot } = await client.createFromDirectory({ directory, config });
  return snapshot?.config?.id ?? "";
}

function request({ id, directory, requestId }: Take): Parameters<Client["takeToDirectory"]>[0] {
  return { ref: id, directory, requestId };
}

/** Makes the call, which the kill of the daemon may cut off. */
async function call(play: Play, take: Take): Promise<void> {
  try {
    take.answer = await play.served.client.takeToDirectory(request(take));
    play.count("answered");
  } catch (error) {
    if (!isStoreError(error) || error.reason !== "DAEMON_UNREACHABLE") {
      play.problems.push(`the take of ${take.id} failed: ${String(error)}`);
    }
    play.count("without an answer");
  }
}

/** Starts the daemon again. In some rounds the start itself is killed first, at a random moment. */
async function restart(play: Play, place: Place): Promise<void> {
  if (play.random() < killedStarts) {
    const [command = "", ...args] = serveCommand(place);
    await using child = run(command, args, serveEnvironment);
    await pause(play.random() * play.startMs);
    await child.kill();
    play.count("kills of a start");
    countMoves(play, child.output());
  }
  play.served = await startServed(place);
  const output = play.served.output();
  countMoves(play, output);
  play.problems.push(...alarmsIn(output));
}

function countMoves({ count }: Play, output: string): void {
  const times = (text: string): number => output.split(text).length - 1;
  count("completed by a start", times("completed the interrupted move"));
  count("undone by a start", times("undid the interrupted move"));
}

/** Requires the snapshot to be whole in exactly one place. */
async function judge(play: Play, take: Take): Promise<void> {
  const { id, directory, twin, answer, clone } = take;
  const isStored = await exists(play.served.client, id);
  const hasLeft = (await readdir(directory).catch(() => [])).length > 0;
  const stored = join(play.root, "data", id, "files");
  if (isStored === hasLeft) {
    play.problems.push(`${id} is ${isStored ? "in both places" : "nowhere"}: ${directory}`);
  }
  if (answer !== undefined && isStored) play.problems.push(`${id} is back after the answer`);
  if (isStored) play.count("in the store after the start");
  await noting(play, `${id} after the start`, async () => {
    // A kill during the copy of a linked file leaves the directory writable until it is handed out.
    const compare = clone === undefined ? compareStored : compareContents;
    if (isStored) await compare(stored, twin.directory);
    if (hasLeft) await compareDirectories(directory, twin.directory);
  });
}

/**
 * Repeats the request twice. If the first call was answered, both get its answer. Otherwise the
 * first repeat makes the move, or gets the answer of the call that was cut off.
 */
async function repeat(play: Play, take: Take): Promise<void> {
  const { id, directory, twin } = take;
  const { client } = play.served;
  await noting(play, `the repeat of the take of ${id}`, async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await client.takeToDirectory(request(take));
      take.answer ??= answer;
      assert.deepEqual(answer, take.answer, "the answers differ");
    }
    assert.equal(take.answer?.snapshot?.config?.id, id);
    assert.equal(await exists(client, id), false, "the snapshot is still there");
    await compareDirectories(directory, twin.directory);
    const other = { ...request(take), directory: `${directory}-other` };
    await failsWith(client.takeToDirectory(other), "REQUEST_ID_REUSED");
    play.count("repeated");
  });
}

/** The file that the clone links to stays with the clone, and nothing else has it. */
async function judgeClone(play: Play, { clone, twin }: Take): Promise<void> {
  if (clone === undefined) return;
  const file = join(clone, linkedFile);
  await noting(play, clone, async () => {
    await compareFiles(file, join(twin.directory, linkedFile));
    await eventually(`${file} to have one link`, async () => (await stat(file)).nlink === 1);
  });
}

async function requireNothingLeft(play: Play): Promise<void> {
  await noting(play, "what is left in the store", () =>
    eventually("empty directories of the store", async () => {
      const left = await Promise.all(
        (["data", "staging", "trash", "quarantine"] as const).map((part) =>
          entriesOf(play.root, part),
        ),
      );
      return left.flat().length === 0;
    }),
  );
}

async function exists(client: Client, id: string): Promise<boolean> {
  try {
    await client.inspect(id);
    return true;
  } catch (error) {
    if (isStoreError(error, "SNAPSHOT_NOT_FOUND")) return false;
    throw error;
  }
}

async function noting(play: Play, what: string, check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
  } catch (error) {
    play.problems.push(`${what}: ${String(error)}`);
  }
}
