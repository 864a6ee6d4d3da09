// Cuts pulls at random bytes: the link is reset or closed, or the peer or the receiver is killed.
// Another call follows each cut. The final result is always the same, and few bytes are sent twice.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { makeSource, packDirectory, piece } from "../store/contents.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { createRandom, type Random } from "../support/random.js";
import { compareFiles } from "../support/scratch.js";
import { changedCopy, drainPull, kib, mib } from "./nodes.js";
import { openWireProxy, type WireProxy } from "./wire-proxy.js";

/** These events interrupt a pull. */
export const cutKinds = ["reset", "close", "peer", "receiver"] as const;
export type CutKind = (typeof cutKinds)[number];

export interface CutOptions {
  readonly cuts: number;
  readonly seed: number;
  /** One of these kinds is picked for each cut. */
  readonly kinds: readonly CutKind[];
  /** The data of each snapshot in MiB. */
  readonly dataMib: number;
  /** Names an empty directory. */
  readonly scratch: string;
  readonly report?: (line: string) => void;
}

export interface CutSummary {
  readonly cuts: Readonly<Record<CutKind, number>>;
  readonly pulls: number;
  /** The most bytes on the link beyond those of an uncut pull, per cut. */
  readonly mostAgainBytes: number;
  readonly meanAgainBytes: number;
}

/** Maximum cost of a cut in bytes. */
export const maxAgainBytes = 64 * mib;
/** The maximum number of cuts in one pull before it may finish. */
const cutsInARow = 12;

/** Makes the cuts. Throws an AssertionError that names the cut if a result is wrong. */
export async function runCuts(options: CutOptions): Promise<CutSummary> {
  const { cuts, seed, scratch, report = () => undefined } = options;
  const random = createRandom("cuts", seed);
  await using scene = await openScene(scratch, options.dataMib);
  const done: Record<CutKind, number> = { reset: 0, close: 0, peer: 0, receiver: 0 };
  let [total, pulls, most, sum] = [0, 0, 0, 0];
  while (total < cuts) {
    const target = scene.targets[pulls % scene.targets.length] as Target;
    const wanted = Math.min(1 + random.below(cutsInARow), cuts - total);
    const { met, againBytes } = await pullWithCuts(scene, target, { random, wanted, ...options });
    pulls += 1;
    total += met.length;
    for (const { kind } of met) done[kind] += 1;
    const each = againBytes / Math.max(1, met.length);
    const where = met.map(({ kind, at }) => `${kind} at ${at}`).join(", ");
    const what = `${total} cuts, pull ${pulls}, ${target.name}: ${where}`;
    report(`${what}: ${(againBytes / mib).toFixed(2)} MiB again`);
    // The excess of all cuts of the pull must stay within the bound for a single cut.
    assert.ok(againBytes <= maxAgainBytes, `${what}: ${againBytes} bytes again`);
    if (met.length > 0) most = Math.max(most, each);
    sum += againBytes;
  }
  await scene.checkEmpty();
  return { cuts: done, pulls, mostAgainBytes: most, meanAgainBytes: sum / total };
}

interface Target {
  readonly name: string;
  readonly source: string;
  readonly digest: string;
  /** The number of bytes on the link of an uncut pull. */
  readonly wholeBytes: number;
}

interface Scene extends AsyncDisposable {
  readonly peer: Restartable;
  readonly receiver: Restartable;
  readonly proxy: WireProxy;
  readonly targets: readonly Target[];
  /** Fails unless only the base is left. */
  checkEmpty(): Promise<void>;
}

/** Prepares one snapshot without a base, and one whose parent the receiver has. */
async function openScene(scratch: string, dataMib: number): Promise<Scene> {
  const peer = await openRestartable(join(scratch, "peer"));
  const receiver = await openRestartable(join(scratch, "receiver"));
  const proxy = await openWireProxy(peer.address());
  const close = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await peer.kill();
    await receiver.kill();
  };
  const checkEmpty = async (): Promise<void> => {
    const root = join(scratch, "receiver");
    assert.equal((await readdir(join(root, "data"))).length, 1);
    for (const part of ["staging", "transfers"]) {
      assert.deepEqual(await readdir(join(root, part)), [], part);
    }
  };
  try {
    const sources = await makeSources(scratch, dataMib * mib);
    const create = async (name: string, source: string): Promise<string> => {
      const { snapshot } = await peer.client().create({ config: { name } }, packDirectory(source));
      return snapshot?.digest ?? "";
    };
    await create("parent", sources.parent);
    await drainPull(receiver.client(), { source: proxy.address, ref: "parent" });
    const targets: Target[] = [];
    for (const name of ["whole", "child"] as const) {
      const digest = await create(name, sources[name]);
      proxy.cutAfter(Number.POSITIVE_INFINITY);
      await drainPull(receiver.client(), { source: proxy.address, ref: name });
      targets.push({ name, source: sources[name], digest, wholeBytes: proxy.passedBytes() });
      await receiver.client().delete(name);
    }
    return { peer, receiver, proxy, targets, checkEmpty, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeSources(scratch: string, dataBytes: number) {
  const half = dataBytes / 2;
  const memory = (shift: number) => ({
    name: "memory",
    sizeBytes: 3 * half,
    pieces: [piece(shift, half - kib), piece(2 * half + shift, half - kib)],
    mode: 0o640,
  });
  const parent = await makeSource(join(scratch, "parent"), [memory(0)]);
  const whole = await makeSource(join(scratch, "whole"), [
    { name: "config", sizeBytes: 100, pieces: [piece(0, 100)] },
    memory(512),
    { name: "state", sizeBytes: 300_000, pieces: [piece(0, 300_000)] },
  ]);
  const changes = Array.from({ length: half / mib }, (_, index) => ({
    offset: index * mib + (index % 7) * 36 * kib,
    bytes: piece(index, 200 * kib + index).bytes,
  }));
  const child = await changedCopy(parent, join(scratch, "child"), "memory", changes);
  return { parent, whole, child };
}

interface Cut {
  readonly kind: CutKind;
  /** The number of bytes of the attempt that passed before the cut. */
  readonly at: number;
}

/** Cuts a pull as often as requested, then lets it finish, and compares the stored files. */
async function pullWithCuts(
  scene: Scene,
  target: Target,
  plan: { readonly random: Random; readonly wanted: number; readonly kinds: readonly CutKind[] },
): Promise<{ readonly met: readonly Cut[]; readonly againBytes: number }> {
  const { receiver, proxy } = scene;
  const { random, wanted, kinds } = plan;
  const met: Cut[] = [];
  let passed = 0;
  let stored = false;
  while (!stored && met.length < wanted) {
    const left = Math.max(64 * kib, target.wholeBytes - passed);
    const cut = { kind: random.pick(kinds), at: 1 + random.below(left) };
    const whole = await pullWithCut(scene, target.name, cut);
    passed += proxy.passedBytes();
    if (!whole) met.push(cut);
    stored = (await namesOf(receiver.client())).includes(target.name);
    // A receiver that is killed before its last message may have published the snapshot.
    assert.ok(whole === stored || cut.kind === "receiver", `${cut.kind} at ${cut.at}: visible`);
  }
  if (!stored) {
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    await drainPull(receiver.client(), { source: proxy.address, ref: target.name });
    passed += proxy.passedBytes();
  }
  await checkStored(receiver, target);
  await receiver.client().delete(target.name);
  return { met, againBytes: Math.max(0, passed - target.wholeBytes) };
}

/** Returns true if the pull finished before the cut. */
async function pullWithCut(
  { peer, receiver, proxy }: Scene,
  ref: string,
  { kind, at }: Cut,
): Promise<boolean> {
  const victim = kind === "peer" ? peer : kind === "receiver" ? receiver : undefined;
  let struck: Promise<void> | undefined;
  proxy.cutAfter(
    at,
    kind === "reset" || kind === "close" ? kind : () => void (struck = victim?.restart()),
  );
  let whole = true;
  try {
    await drainPull(receiver.client(), { source: proxy.address, ref });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    whole = false;
  }
  await struck;
  proxy.setTarget(peer.address());
  return whole;
}

async function namesOf(client: Client): Promise<readonly (string | undefined)[]> {
  return (await client.list()).snapshots.map(({ config }) => config?.name);
}

async function checkStored(receiver: Restartable, { name, source, digest }: Target): Promise<void> {
  const { snapshot } = await receiver.client().inspect(name);
  assert.equal(snapshot?.digest, digest);
  for (const file of await readdir(source)) {
    await compareFiles(join(snapshot.dataDir, file), join(source, file), { holes: false });
  }
}

/** A daemon that can be killed and restarted with the same store. */
interface Restartable {
  address(): string;
  client(): Client;
  restart(): Promise<void>;
  kill(): Promise<void>;
}

async function openRestartable(root: string): Promise<Restartable> {
  let daemon: DaemonProcess = await startDaemonProcess(root, {}, {});
  let client = connect(daemon.address);
  const kill = async (): Promise<void> => {
    await daemon.kill();
    client.close();
  };
  return {
    address: () => daemon.tcpAddress,
    client: () => client,
    kill,
    restart: async () => {
      await kill();
      daemon = await startDaemonProcess(root, {}, {});
      client = connect(daemon.address);
    },
  };
}
