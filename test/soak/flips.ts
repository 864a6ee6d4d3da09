// Flips random bytes in data files. Verify must find each flip and name its file and range, and no
// verified read may return a flipped byte. Several snapshots have one flip at a time, which is then
// undone.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  SparseFormat,
  isStoreError,
  type Client,
  type Download,
  type VerifyVerdict,
} from "../../src/client/index.js";
import { createBlockHasher } from "../../src/files/block-hash.js";
import { rootDigest } from "../../src/files/block-table.js";
import { extract } from "tar-stream";
import { startServed } from "../crash/served.js";
import { collect, kib, makeSource, packDirectory, piece, streamOf } from "../store/contents.js";
import { createRandom, type Random } from "../support/random.js";
import type { SoakResult } from "./soak-main.js";
import { openPastMode } from "../support/tamper.js";

export interface FlipsOptions {
  /** The directory is empty. Its path must be short. */
  readonly directory: string;
  readonly seed: number;
  readonly flips: number;
  readonly signal?: AbortSignal;
}

const blockBytes = 256 * kib;
/** The number of snapshots that are damaged at once, in one byte each. */
const snapshotCount = 25;
/** The size of the file `memory`, which has data, a hole and a partial last block. */
const memoryBytes = 2 * blockBytes + 5000;
const files = [
  { name: "config.json", sizeBytes: 300, pieces: [piece(0, 300)] },
  { name: "cow.raw", sizeBytes: 70_000, pieces: [piece(65_536, 4464)] },
  {
    name: "memory",
    sizeBytes: memoryBytes,
    pieces: [piece(0, 60_000), piece(2 * blockBytes, 5000)],
  },
];

interface Scene {
  readonly client: Client;
  readonly root: string;
  readonly ids: readonly string[];
  /**
   * The bytes that Restore and Export send for an intact snapshot. All snapshots have the same
   * files.
   */
  readonly whole: { readonly restore: Buffer; readonly export: Buffer };
  readonly problems: string[];
  readonly counts: Map<string, number>;
}

interface Flip {
  readonly id: string;
  readonly path: string;
  readonly file: string;
  readonly offset: number;
  /** The first byte of the block that contains the flip. */
  readonly start: number;
  readonly length: number;
  readonly bit: number;
}

export async function playFlips(options: FlipsOptions): Promise<SoakResult> {
  const { directory, seed, flips, signal } = options;
  await mkdir(directory, { recursive: true });
  const root = join(directory, "root");
  await using served = await startServed({ root, socket: join(directory, "s") });
  const { client } = served;
  const ids: string[] = [];
  const tar = await collect(packDirectory(await makeSource(join(directory, "source"), files)));
  for (let index = 0; index < snapshotCount; index += 1) {
    const { snapshot } = await client.create({}, streamOf(tar));
    ids.push(snapshot?.config?.id ?? "");
  }
  const [first = ""] = ids;
  const whole = {
    restore: await collect((await client.restore(reading(first, true))).bytes),
    export: await collect((await client.export(reading(first, true))).bytes),
  };
  const scene: Scene = { client, root, ids, whole, problems: [], counts: new Map() };
  const random = createRandom(seed, "flips");
  for (let done = 0; done < flips && scene.problems.length === 0; done += snapshotCount) {
    if (signal?.aborted === true) break;
    await playBatch(scene, random, Math.min(snapshotCount, flips - done));
  }
  return scene;
}

function reading(ref: string, verify: boolean) {
  return { ref, verify, sparseFormat: SparseFormat.NONE };
}

function count({ counts }: Scene, what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

async function playBatch(scene: Scene, random: Random, size: number): Promise<void> {
  const flips = scene.ids.slice(0, size).map((id) => planFlip(scene, random, id));
  for (const flip of flips) await turn(flip);
  count(scene, "bytes flipped", size);
  for (const [index, flip] of flips.entries()) {
    // A default read comes before any verified read has marked the snapshot.
    if (index % 5 === 0) await judgeDefault(scene, flip);
    await judgeVerified(scene, flip, index % 2 === 0 ? "restore" : "export");
  }
  await judgeVerify(scene, flips);
  for (const flip of flips) await judgeMarked(scene, flip);
  for (const flip of flips) await turn(flip);
  await judgeVerify(scene, []);
}

function planFlip({ root }: Scene, random: Random, id: string): Flip {
  const { name: file, sizeBytes } = random.pick(files);
  const offset = random.below(sizeBytes);
  const start = offset - (offset % blockBytes);
  const length = Math.min(blockBytes, sizeBytes - start);
  const path = join(root, "data", id, "files", file);
  return { id, path, file, offset, start, length, bit: random.below(8) };
}

async function turn({ path, offset, bit }: Flip): Promise<void> {
  await using handle = await openPastMode(path);
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await handle.write(byte, 0, 1, offset);
}

/**
 * Checks that a verified read returns only intact bytes before its error, and that it marks the
 * snapshot as corrupt.
 */
async function judgeVerified(scene: Scene, flip: Flip, way: "restore" | "export"): Promise<void> {
  const { client, whole } = scene;
  const text = `${way} of ${describe(flip)}`;
  const received: Buffer[] = [];
  try {
    const request = reading(flip.id, true);
    await using download: Download = await client[way](request, { timeoutMs: 60_000 });
    for await (const bytes of download.bytes) received.push(Buffer.from(bytes));
    scene.problems.push(`${text}: served`);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT"))
      scene.problems.push(`${text}: ${String(error)}`);
    else count(scene, "verified reads refused the damage");
  }
  const bytes = Buffer.concat(received);
  // The envelopes of exports differ only in the id of the snapshot.
  const expected = way === "restore" ? whole.restore : ofSnapshot(whole.export, scene, flip.id);
  if (!bytes.equals(expected.subarray(0, bytes.length))) {
    scene.problems.push(`${text}: bytes that were not stored`);
  }
  const { snapshot } = await client.inspect(flip.id);
  if (snapshot?.corrupt === true) count(scene, "marked by the verified read");
  else scene.problems.push(`${text}: not marked`);
}

function ofSnapshot(archive: Buffer, { ids }: Scene, id: string): Buffer {
  return Buffer.from(archive.toString("latin1").replaceAll(ids[0] ?? "", id), "latin1");
}

/**
 * Checks a default read: the trailer describes the sent bytes, and the header contains the stored
 * digest.
 */
async function judgeDefault(scene: Scene, flip: Flip): Promise<void> {
  const text = `default read of ${describe(flip)}`;
  await using download = await scene.client.restore(reading(flip.id, false));
  const bytes = await collect(download.bytes);
  if (download.trailer?.totalBytes !== BigInt(bytes.length)) {
    scene.problems.push(`${text}: no trailer`);
  }
  const digests = await digestsOf(bytes);
  const changed = (download.header.snapshot?.files ?? [])
    .filter(({ name, digest }) => digests.get(name) !== digest)
    .map(({ name }) => name);
  if (changed.join() !== flip.file) scene.problems.push(`${text}: tells of ${changed.join()}`);
  else count(scene, "default reads showed their client the damage");
}

export async function digestsOf(tar: Buffer): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for await (const entry of extract().end(tar)) {
    const hasher = createBlockHasher();
    let offset = 0;
    for await (const bytes of entry) {
      hasher.update(offset, bytes as Buffer);
      offset += (bytes as Buffer).length;
    }
    digests.set(entry.header.name, rootDigest(hasher.finish(offset)));
  }
  return digests;
}

/** Checks that Verify names exactly the flipped blocks. */
async function judgeVerify(scene: Scene, flips: readonly Flip[]): Promise<void> {
  const found = new Map<string, VerifyVerdict>();
  for await (const { event } of scene.client.verify({}, { timeoutMs: 120_000 })) {
    if (event.case !== "verdict" || event.value.intact) continue;
    found.set(`${event.value.snapshotId}/${event.value.file}`, event.value);
  }
  for (const flip of flips) {
    const verdict = found.get(`${flip.id}/${flip.file}`);
    const [range, ...more] = verdict?.damaged ?? [];
    const named = range?.offset === BigInt(flip.start) && range.length === BigInt(flip.length);
    if (named && more.length === 0) count(scene, "found by Verify, by file and range");
    else scene.problems.push(`verify: ${describe(flip)}: ${verdict?.problem ?? "not found"}`);
  }
  const extra = found.size - flips.length;
  if (extra > 0) scene.problems.push(`verify calls ${extra} whole files damaged`);
}

/** Checks that no read returns data of the snapshot once Verify has found the flip. */
async function judgeMarked(scene: Scene, flip: Flip): Promise<void> {
  for (const way of ["restore", "export"] as const) {
    try {
      await using _ = await scene.client[way](reading(flip.id, false));
      scene.problems.push(`${way} of marked ${describe(flip)}: served`);
    } catch (error) {
      if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
      count(scene, "refused once it was marked");
    }
  }
}

function describe({ id, file, offset, bit }: Flip): string {
  return `${file} of ${id}, bit ${bit} of byte ${offset}`;
}
