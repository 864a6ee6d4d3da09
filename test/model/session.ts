// Manages one store, its daemon and its clients over the rounds of a model run.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Client } from "../../src/client/index.js";
import { alarmsIn } from "../crash/oracle.js";
import { serveCommand, whenListening, type Place, type Served } from "../crash/served.js";
import { damagedIn } from "../crash/stage.js";
import { entriesOf } from "../store/contents.js";
import { run } from "../support/child.js";
import { eventually } from "../support/eventually.js";
import { makeContents, type Content } from "./contents.js";
import type { Call, Standing } from "./history.js";
import { judgeRound } from "./judge.js";
import { allNames, type PlannedCall, type Round } from "./plan.js";
import { play, type Memory, type Stage } from "./player.js";

export interface SessionOptions {
  /** An empty directory for the store and its socket. Its path must be short. */
  readonly directory: string;
  readonly seed: number;
  readonly clients: number;
}

export interface RoundResult {
  readonly calls: readonly Call[];
  readonly problems: readonly string[];
}

export interface Session extends AsyncDisposable {
  readonly root: string;
  playRound(round: Round): Promise<RoundResult>;
  /** Stops the daemon as an operator does. */
  stop(): Promise<string[]>;
}

interface State {
  served: Served;
  clients: readonly Client[];
  standing: Standing;
  moment: number;
  roundsPlayed: number;
}

interface Fixed {
  readonly place: Place;
  readonly seed: number;
  readonly names: readonly string[];
  readonly contents: readonly Content[];
  readonly memories: readonly Memory[];
  /** The id for each tag. */
  readonly ids: Map<string, string>;
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const { directory, seed, clients: clientCount } = options;
  const place = { root: join(directory, "root"), socket: join(directory, "s") };
  await mkdir(directory, { recursive: true });
  const served = await start(place);
  try {
    const contents = await makeContents(served.client, join(directory, "contents"));
    const memories = Array.from({ length: clientCount }, () => ({ uploads: [], ids: new Map() }));
    const names = allNames(clientCount);
    const fixed = { place, seed, names, contents, memories, ids: new Map<string, string>() };
    const clients = connectAll(fixed);
    const state = { served, clients, standing: new Map(), moment: 0, roundsPlayed: 0 };
    return session(fixed, state);
  } catch (error) {
    await served.kill();
    throw error;
  }
}

function session(fixed: Fixed, state: State): Session {
  return {
    root: fixed.place.root,
    playRound: (round) => playRound(fixed, state, round),
    stop: () => stop(state, false),
    [Symbol.asyncDispose]: async () => {
      closeAll(state);
      await state.served.kill();
    },
  };
}

async function start(place: Place): Promise<Served> {
  const [command = "", ...args] = serveCommand(place);
  const child = run(command, args);
  return await whenListening(child, place, () => child.pid);
}

function connectAll({ place, memories }: Fixed): Client[] {
  return memories.map(() => connect(`unix:${place.socket}`));
}

function closeAll({ clients }: State): void {
  for (const client of clients) client.close();
}

async function playRound(fixed: Fixed, state: State, round: Round): Promise<RoundResult> {
  const calls: Call[] = [];
  const problems: string[] = [];
  const strike = createStrike(state.served, round);
  const players = round.clients.map((list, index) =>
    playClient(stageOf(fixed, state, index), list, { calls, strike }),
  );
  await Promise.all(players);
  await strike.over;
  problems.push(...(await endRound(fixed, state, round, strike.done)));
  state.roundsPlayed += 1;
  const last = await observe(fixed, state, problems);
  calls.push(last);
  calls.sort((a, b) => a.beginsAt - b.beginsAt);
  const digests = fixed.contents.map(({ digest }) => digest);
  const { standing: before } = state;
  const tags = new Map([...fixed.ids].map(([tag, id]) => [id, tag]));
  problems.push(
    ...judgeRound({ before, names: fixed.names, calls, tags, digests, ids: fixed.ids }),
  );
  if (!state.served.isRunning()) problems.push(`the daemon has ended: ${lastWords(state.served)}`);
  settle(fixed, state, last);
  return { calls, problems };
}

function stageOf(fixed: Fixed, state: State, index: number): Stage {
  return {
    client: state.clients[index] as Client,
    memory: fixed.memories[index] as Memory,
    contents: fixed.contents,
    seed: fixed.seed,
    tick: () => (state.moment += 1),
  };
}

interface Strike {
  /** Counts a call. Call this when a call begins. */
  count(): void;
  readonly done: boolean;
  /** Resolves when the signal has been sent, or at once if the round sends none. */
  readonly over: Promise<void>;
}

/** Sends the signal to the daemon a moment after the call with that number has begun. */
function createStrike(served: Served, { end }: Round): Strike {
  let begun = 0;
  let done = false;
  let over = Promise.resolve();
  const signal = end.kind === "kill" ? "SIGKILL" : "SIGTERM";
  return {
    count: () => {
      begun += 1;
      if (end.kind === "quiet" || begun !== end.afterCalls) return;
      done = true;
      over = pause(end.afterCalls % 5).then(() => {
        if (served.isRunning()) served.signal(signal);
      });
    },
    get done() {
      return done;
    },
    get over() {
      return over;
    },
  };
}

async function playClient(
  stage: Stage,
  list: readonly PlannedCall[],
  { calls, strike }: { readonly calls: Call[]; readonly strike: Strike },
): Promise<void> {
  for (const planned of list) {
    if (strike.done) return;
    strike.count();
    const call = await play(stage, planned);
    if (call !== undefined) calls.push(call);
  }
}

/** Ends the round as planned, and returns a running daemon. */
async function endRound(
  fixed: Fixed,
  state: State,
  { end }: Round,
  struck: boolean,
): Promise<string[]> {
  if (end.kind === "quiet") return [];
  const problems: string[] = [];
  if (end.kind === "kill") {
    closeAll(state);
    await state.served.kill();
  } else problems.push(...(await stop(state, struck)));
  state.served = await start(fixed.place);
  state.clients = connectAll(fixed);
  problems.push(...alarmsIn(state.served.output()));
  for (const part of ["staging", "trash"] as const) {
    const left = await entriesOf(fixed.place.root, part);
    if (left.length > 0) problems.push(`a start left ${left.join(", ")} in ${part}`);
  }
  return problems;
}

/**
 * Stops the daemon. A second signal would end it at once, so `signalled` tells whether it already
 * received one.
 */
async function stop(state: State, signalled: boolean): Promise<string[]> {
  const { served } = state;
  closeAll(state);
  if (!signalled && served.isRunning()) served.signal("SIGTERM");
  const { code, signal } = await served.exited;
  await served.kill();
  if (code === 0) return [];
  return [`the daemon stopped with ${code ?? signal}: ${lastWords(served)}`];
}

/** Returns the end of the daemon's output, without the log lines of calls. */
function lastWords(served: Served): string {
  const lines = served.output().split("\n");
  return lines
    .filter((line) => !line.includes(`"audit":true`))
    .slice(-10)
    .join("\n");
}

/** All data is verified once in this many rounds. */
const verifyEvery = 8;

/** Returns the complete state, at a time when no call is running. */
async function observe(fixed: Fixed, state: State, problems: string[]): Promise<Call> {
  const { root } = fixed.place;
  const { client } = state.served;
  // The daemon cleans up an interrupted upload a little later.
  const soon = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    await eventually(what, look).catch((error: unknown) => problems.push(String(error)));
  };
  await soon("an empty staging area", async () => (await entriesOf(root, "staging")).length === 0);
  const planned = {
    tag: `end-${state.roundsPlayed}`,
    operation: { kind: "list", prefix: "", pageSize: 1000 },
  } as const;
  const call = (await play({ ...stageOf(fixed, state, 0), client }, planned)) as Call;
  const seen = call.outcome.kind === "ok" ? call.outcome.seen : [];
  const { totalSize } = await client.list({ pageSize: 1 });
  if (totalSize !== BigInt(seen.length)) problems.push(`total_size is ${totalSize}`);
  const ids = seen.map(({ id }) => id).sort();
  // The daemon moves a replaced directory to the trash a little later.
  await soon("the directories of the listed snapshots", async () => {
    return (await entriesOf(root, "data")).join() === ids.join();
  });
  const quarantined = await entriesOf(root, "quarantine");
  if (quarantined.length > 0) problems.push(`quarantined: ${quarantined.join(", ")}`);
  if (state.roundsPlayed % verifyEvery === 0) problems.push(...(await damagedIn(client)));
  return call;
}

/** Sets the state seen at the end of a round as the start of the next one. */
function settle(fixed: Fixed, state: State, last: Call): void {
  const { contents, memories, ids } = fixed;
  const seen = last.outcome.kind === "ok" ? last.outcome.seen : [];
  const content = (digest: string): number => contents.findIndex((each) => each.digest === digest);
  state.standing = new Map(
    seen.map((each) => [each.name, { ...each, content: content(each.digest) }]),
  );
  // Only values that a later call can use are kept.
  const kept = new Set([
    ...seen.map(({ id }) => id),
    ...memories.flatMap((memory) => [...memory.ids.values()]),
  ]);
  const uploads = new Set(memories.flatMap((memory) => memory.uploads.map(({ tag }) => tag)));
  for (const [tag, id] of ids) if (!kept.has(id) && !uploads.has(tag)) ids.delete(tag);
}
