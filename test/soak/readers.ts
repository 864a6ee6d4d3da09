// Runs many readers of a few names while their snapshots are deleted, replaced and collected. Every
// read completes, or fails with a documented reason before its first byte.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  GcOutcome,
  OnNameConflict,
  connect,
  isStoreError,
  type Client,
} from "../../src/client/index.js";
import { runCheck } from "../crash/oracle.js";
import { serveCommand, whenListening } from "../crash/served.js";
import { damagedIn } from "../crash/stage.js";
import { makeContents, type Content } from "../model/contents.js";
import { streamOf } from "../store/contents.js";
import { run } from "../support/child.js";
import { createRandom, type Random } from "../support/random.js";
import { largeContent } from "./large-content.js";
import { randomRead, readWhole } from "./reading.js";
import type { SoakResult } from "./soak-main.js";

export interface ReadersOptions {
  /** The directory is empty. Its path must be short. */
  readonly directory: string;
  readonly seed: number;
  readonly readers: number;
  /**
   * The run ends after `limitMs` at the latest. It ends earlier when snapshots were removed in all
   * three ways, and this many reads have completed after the removal of their snapshot.
   */
  readonly outlived: number;
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

/** The report has its counts in this order. */
export const waysToGo = ["deleted", "replaced", "collected"] as const;

const names = Array.from({ length: 10 }, (_, index) => `vm/${index}`);

interface Scene {
  readonly client: Client;
  readonly contents: readonly Content[];
  readonly problems: string[];
  readonly counts: Map<string, number>;
  /** The ids of snapshots that were deleted, replaced or collected. */
  readonly gone: Set<string>;
  isOver(): boolean;
  random(...parts: (string | number)[]): Random;
}

export async function playReaders(options: ReadersOptions): Promise<SoakResult> {
  const { directory, seed, readers, limitMs, outlived, signal } = options;
  const place = { root: join(directory, "root"), socket: join(directory, "s") };
  await mkdir(directory, { recursive: true });
  const [command = "", ...args] = serveCommand(place);
  const child = run(command, args);
  await using served = await whenListening(child, place, () => child.pid);
  const contents = [
    ...(await makeContents(served.client, join(directory, "contents"))),
    ...(await largeContent(served.client, join(directory, "large"))),
  ];
  const counts = new Map<string, number>();
  const problems: string[] = [];
  const endsAtMs = performance.now() + limitMs;
  const scene = (client: Client): Scene => ({
    client,
    contents,
    problems,
    counts,
    gone,
    isOver: () =>
      problems.length > 0 ||
      signal?.aborted === true ||
      performance.now() >= endsAtMs ||
      ((counts.get("outlived their snapshot") ?? 0) >= outlived &&
        waysToGo.every((way) => counts.has(way))),
    random: (...parts) => createRandom(seed, ...parts),
  });
  const gone = new Set<string>();
  const clients = Array.from({ length: readers }, () => connect(`unix:${place.socket}`));
  try {
    await Promise.all([
      ...clients.map((client, index) => readOn(scene(client), index)),
      ...[0, 1].map((index) => replaceOn(scene(served.client), index)),
      deleteOn(scene(served.client)),
      collectOn(scene(served.client)),
    ]);
  } finally {
    clients.forEach((client) => client.close());
  }
  problems.push(...(await damagedIn(served.client)));
  served.signal("SIGTERM");
  const { code } = await served.exited;
  if (code !== 0) problems.push(`the daemon stopped with ${code}`);
  problems.push(...(await runCheck(place.root)));
  return { problems, counts };
}

function count({ counts }: Scene, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** A read may be refused here for these reasons. */
const documented = new Set(["SNAPSHOT_NOT_FOUND", "TOO_MANY_STREAMS"]);

async function readOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("reader", index);
  while (!scene.isOver()) await readOnce(scene, random);
}

async function readOnce(scene: Scene, random: Random): Promise<void> {
  const read = randomRead(random.pick(names), random);
  const seen = { id: "" };
  try {
    const wrong = await readWhole(scene.client, read, scene.contents, ({ config }) => {
      seen.id = config?.id ?? "";
    });
    scene.problems.push(...wrong.map((text) => `${read.ref} ${seen.id}: ${text}`));
    count(scene, read.exporting ? "exports whole" : "restores whole");
    if (scene.gone.has(seen.id)) count(scene, "outlived their snapshot");
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const early = seen.id === "" && documented.has(error.reason);
    if (early) count(scene, `refused before the first byte: ${error.reason}`);
    else scene.problems.push(`${read.ref} ${seen.id}: ${error.reason}: ${error.message}`);
    await pause(20);
  }
}

async function store(scene: Scene, name: string, random: Random): Promise<boolean> {
  const { tar } = random.pick(scene.contents);
  const header = { config: { name }, onNameConflict: OnNameConflict.REPLACE };
  try {
    await scene.client.create(header, streamOf(tar));
    return true;
  } catch (error) {
    if (!isStoreError(error, "OPERATION_IN_PROGRESS")) throw error;
    return false;
  }
}

async function idOf({ client }: Scene, name: string): Promise<string | undefined> {
  const { snapshots } = await client.list({ filter: { namePrefix: name } });
  return snapshots[0]?.config?.id;
}

async function replaceOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("replace", index);
  while (!scene.isOver()) {
    const name = random.pick(names);
    const before = await idOf(scene, name);
    if (await store(scene, name, random)) {
      if (before !== undefined) scene.gone.add(before);
      count(scene, before === undefined ? "stored" : "replaced");
    }
    await pause(random.below(40));
  }
}

async function deleteOn(scene: Scene): Promise<void> {
  const random = scene.random("delete");
  while (!scene.isOver()) {
    const refs = [random.pick(names)];
    const { deletedIds } = await scene.client.delete({ refs, allowMissing: true });
    for (const id of deletedIds) {
      scene.gone.add(id);
      count(scene, "deleted");
    }
    await pause(100 + random.below(300));
  }
}

async function collectOn(scene: Scene): Promise<void> {
  const random = scene.random("collect");
  while (!scene.isOver()) {
    const policy = random.chance(0.3) ? { evictAll: true } : { keepLast: 1 + random.below(8) };
    const { candidates } = await scene.client.collectGarbage({ policy });
    for (const { id, outcome } of candidates) {
      if (outcome === GcOutcome.FAILED) scene.problems.push(`collection of ${id} failed`);
      if (outcome === GcOutcome.KEPT_IN_USE) count(scene, "kept by a collection: in use");
      if (outcome !== GcOutcome.REMOVED) continue;
      scene.gone.add(id);
      count(scene, "collected");
    }
    await pause(300 + random.below(900));
  }
}
