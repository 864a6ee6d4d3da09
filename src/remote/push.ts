// Pushes a stored snapshot to a remote: the packs, then the map, then the commit object.
// docs/remote-protocols.md defines the steps and their order.
import { randomInt } from "node:crypto";
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import type { Clock } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { indexBlocks } from "../files/block-access.js";
import { encodeBlockTable } from "../files/block-table-codec.js";
import { manifestVersion } from "../files/manifest.js";
import type { PushJournal } from "../files/push-journal.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import { doomedKeys, putClaim } from "./claims.js";
import { deleteSeen } from "./deletion.js";
import { encodeCommit, type DecodedCommit, type RemoteCommit } from "./format/commit.js";
import { claimKey, mapKey, packKey, snapshotKey } from "./format/keys.js";
import {
  createMapWriter,
  encodeBases,
  encodePacks,
  type BaseBlock,
  type PackRecord,
} from "./format/map.js";
import { newRemoteId } from "./format/remote-id.js";
import { createPacking, type PushCounters, type PushedFile } from "./packing.js";
import { packOf, placeInBase, type RemoteBaseFile } from "./push-base.js";
import { readMap, type RemoteMap, type RemoteReader } from "./remote-map.js";
import {
  notePack,
  noteStart,
  noStoredBlocks,
  readJournal,
  readStoredBlocks,
  type JournaledPush,
  type StoredBlocks,
} from "./resumed-push.js";
import { isUnusable } from "./unusable.js";
import { allThere } from "./all-there.js";

/** A snapshot that is at the remote, and perhaps on this node. */
export interface PushBase {
  readonly commit: DecodedCommit;
  readonly local: OpenBlocks | undefined;
}

export interface PushParts extends RemoteReader {
  readonly clock: Clock;
  readonly nodeId: string;
  /** The name of the snapshot at the remote. Undefined means its name on this node. */
  readonly name?: string;
  /** The codec of zstd. Undefined if this Node has no zstd; blocks are then stored raw. */
  readonly codec: ZstdBlockCodec | undefined;
  readonly counters: PushCounters;
  /** Waits as long as the limits require. */
  readonly throttle: (bytes: number) => Promise<void>;
  /** What an earlier push of the same snapshot, which was cut off, has noted. */
  readonly journal: PushJournal;
}

export interface Pushed {
  readonly id: string;
  readonly packedBytes: number;
  readonly borrowedPacks: number;
}

/**
 * The number of attempts of a push. A collection that does not see the claim of a push can
 * interrupt each attempt. This constant is also the number of ids that a push may burn.
 */
const maxAttempts = 5;

/**
 * Pushes a snapshot. When the promise resolves, the whole snapshot is at the remote. If the base
 * cannot be used, everything is pushed.
 */
export async function pushSnapshot(
  parts: PushParts,
  open: OpenBlocks,
  base: PushBase | undefined,
  signal: AbortSignal,
): Promise<Pushed> {
  const { journal, nodeId } = parts;
  const { digest } = open.snapshot;
  let earlier = await readJournal(journal, { nodeId, digest });
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    Object.assign(parts.counters, { totalBytes: 0, doneBytes: 0, reusedBytes: 0, sentBytes: 0 });
    const push = new Push(parts, open, earlier, signal);
    if (earlier === undefined) {
      await noteStart(journal, { push: push.id, nodeId, digest });
    }
    earlier = undefined;
    const outcome = await push.run(attempt === 1 ? base : undefined).catch((error: unknown) => {
      // The base is damaged, or was deleted and collected since the caller found it.
      if (base === undefined || attempt > 1 || !isUnusable(error)) throw error;
    });
    if (outcome === undefined) continue;
    await journal.discard();
    return outcome;
  }
  await journal.discard();
  throw interrupted(open.stored.id);
}

/** Everything that a map is made of, apart from its id. */
interface MapContent {
  readonly files: readonly {
    readonly name: string;
    readonly table: Uint8Array;
    readonly places: Uint8Array;
  }[];
  readonly bases: readonly BaseBlock[];
  readonly packs: readonly PackRecord[];
  readonly packedBytes: number;
}

/** Most numbers that the keys of one claim or one pack take in one run of a push. */
const numbersOfRun = 64;
/** Number of ranges of numbers from which a run chooses one. */
const rangesOfNumbers = 10_000_000;

/** One push, with packs of its own. */
class Push {
  readonly id: string;
  readonly #parts: PushParts;
  readonly #open: OpenBlocks;
  readonly #signal: AbortSignal;
  /** The push that this one continues. */
  readonly #earlier: JournaledPush | undefined;
  /** Packs of the base that the push may use, by key. The claim names all of them. */
  readonly #borrowed = new Map<string, PackRecord>();
  /**
   * The first number of this run's claims and packs. A run that continues a push takes a random
   * one: a copy of this node may continue the same push, and no key may have two authors.
   */
  readonly #firstNumber: number;
  /** Number of the next claim. */
  #nextClaim: number;

  constructor(
    parts: PushParts,
    open: OpenBlocks,
    earlier: JournaledPush | undefined,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#open = open;
    this.#earlier = earlier;
    this.#signal = signal;
    this.id = earlier?.push ?? newRemoteId(parts.clock.now());
    this.#firstNumber = earlier === undefined ? 0 : randomInt(1, rangesOfNumbers) * numbersOfRun;
    this.#nextClaim = this.#firstNumber;
  }

  /**
   * Makes one attempt. Returns undefined if a collection interfered, so that everything has to be
   * done again.
   */
  async run(base: PushBase | undefined): Promise<Pushed | undefined> {
    const map =
      base === undefined ? undefined : await readMap(this.#parts, base.commit, this.#signal);
    const files = await this.#openFiles(base, map);
    this.#planBorrowing(files);
    let content: MapContent | undefined;
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      const id = newRemoteId(this.#parts.clock.now());
      const claim = await this.#claim(id);
      if (content === undefined) content = await this.#prepare(files, base);
      // The claim before this one may have expired, so that a collection doomed what it protected.
      else if (!(await this.#areSafe(content.packs.map(packKey)))) break;
      if (!(await this.#commit(id, content))) continue;
      if (!(await this.#isSafe(id, claim, content.packs))) {
        await deleteSeen(this.#parts, id, this.#signal);
        break;
      }
      await this.#dropClaims();
      const borrowedPacks = content.packs.filter(({ push }) => push !== this.id).length;
      return { id, packedBytes: content.packedBytes, borrowedPacks };
    }
    await this.#dropClaims();
    return undefined;
  }

  /** Stores a claim and returns its key. */
  async #claim(snapshot: string): Promise<string> {
    const claim = { push: this.id, snapshot, borrowed: this.#borrowed.values() };
    const number = await putClaim(this.#parts, claim, this.#nextClaim, this.#signal);
    this.#nextClaim = number + 1;
    return claimKey(this.id, number);
  }

  /**
   * Deletes the claims of this run. Burnt keys are deleted too: a late claim would stay until it
   * expires. The claims of earlier runs stay, because a copy of this node may rely on them.
   */
  async #dropClaims(): Promise<void> {
    for (let number = this.#firstNumber; number < this.#nextClaim; number += 1) {
      await this.#parts.bucket.delete(claimKey(this.id, number), this.#signal);
    }
  }

  /**
   * Decides what can be borrowed and what an earlier run has stored, then stores the rest. Call
   * this after the claim was made.
   */
  async #prepare(files: readonly PushedFile[], base: PushBase | undefined): Promise<MapContent> {
    const baseId = base?.commit.id ?? "";
    if (this.#borrowed.size === 0 && this.#earlier === undefined) {
      return this.#pack(files, noStoredBlocks, baseId);
    }
    const doomed = await doomedKeys(this.#parts, this.#signal);
    if (!(await this.#areThere([...this.#borrowed.keys()], doomed))) this.#borrowed.clear();
    if (this.#earlier === undefined) return this.#pack(files, noStoredBlocks, baseId);
    const indexes = files.map(({ index }) => index);
    const what = { earlier: this.#earlier, doomed, base: baseId };
    const stored = await readStoredBlocks(this.#parts, what, indexes, this.#signal);
    return this.#pack(files, stored, baseId);
  }

  /** Returns whether the push may be acknowledged. Call this after the commit object was stored. */
  async #isSafe(id: string, claim: string, packs: readonly PackRecord[]): Promise<boolean> {
    const isClaimed = (await this.#parts.bucket.head(claim, this.#signal)) !== undefined;
    return isClaimed || (await this.#areSafe([mapKey(id), ...packs.map(packKey)]));
  }

  /**
   * Returns whether all these objects exist and no collection is about to delete them. The intents
   * are listed before the objects are looked at; see `head-before-list`.
   */
  async #areSafe(keys: readonly string[]): Promise<boolean> {
    return this.#areThere(keys, await doomedKeys(this.#parts, this.#signal));
  }

  async #areThere(keys: readonly string[], doomed: ReadonlySet<string>): Promise<boolean> {
    if (keys.some((key) => doomed.has(key))) return false;
    return allThere(this.#parts.bucket, keys, this.#signal);
  }

  async #openFiles(base: PushBase | undefined, map: RemoteMap | undefined): Promise<PushedFile[]> {
    const { stored } = this.#open;
    const files: PushedFile[] = [];
    for (const [position, { name }] of stored.files.entries()) {
      const index = indexBlocks(await this.#open.table(position));
      const handle = await stored.open(name);
      const remote = map?.files.get(name);
      const comparable = remote?.index.table.algorithm === index.table.algorithm;
      const local = comparable ? await localFile(base?.local, name) : undefined;
      const file = map === undefined || remote === undefined ? undefined : { map, remote, local };
      files.push({ name, position, handle, index, base: comparable ? file : undefined });
      for (const block of index.dataBlocks()) {
        this.#parts.counters.totalBytes += index.lengthOf(block);
      }
    }
    return files;
  }

  /** Finds every pack to which the new map may refer, because the claim has to name all of them. */
  #planBorrowing(files: readonly PushedFile[]): void {
    for (const { index, base } of files) {
      if (base === undefined) continue;
      for (const block of index.dataBlocks()) {
        const place = placeInBase(base, block);
        if (place === undefined) continue;
        this.#borrow(packOf(base.map, place));
        const original = place.base === undefined ? undefined : base.map.bases[place.base];
        if (original !== undefined) this.#borrow(packOf(base.map, original));
      }
    }
  }

  #borrow(pack: PackRecord): void {
    this.#borrowed.set(packKey(pack), pack);
  }

  /** Stores the packs. If no pack is borrowed, all blocks of the base are written again. */
  async #pack(
    files: readonly PushedFile[],
    stored: StoredBlocks,
    base: string,
  ): Promise<MapContent> {
    const { codec, counters, throttle, journal } = this.#parts;
    const earlier = this.#earlier?.packs ?? [];
    const lastSequence = earlier.reduce((last, { record }) => Math.max(last, record.sequence), -1);
    const packing = createPacking({
      ...{ reader: this.#parts, open: this.#open, push: this.id, borrowed: this.#borrowed },
      ...{ stored, codec, counters, throttle, signal: this.#signal },
      keys: { firstSequence: lastSequence + 1, firstAttempt: this.#firstNumber },
      noteStored: (pack, blocks) => notePack(journal, { pack, base }, blocks),
    });
    const packed: MapContent["files"][number][] = [];
    for (const file of files) {
      const { name, index } = file;
      const source = this.#borrowed.size === 0 ? { ...file, base: undefined } : file;
      const places = await packing.packFile(source);
      packed.push({ name, table: encodeBlockTable(index.table), places });
    }
    const { packs, bases } = await packing.finish();
    counters.sentBytes = packing.writtenBytes;
    const own = packs.filter(({ push }) => push === this.id);
    const packedBytes = own.reduce((sum, { bytes }) => sum + bytes, 0);
    return { files: packed, packs, bases, packedBytes };
  }

  /** Stores the map and the commit object. Returns false if one of the keys is burnt. */
  async #commit(id: string, content: MapContent): Promise<boolean> {
    const { bucket, repository } = this.#parts;
    const map = createMapWriter(id, repository.sealFor(id));
    for (const { name, table, places } of content.files) {
      map.add("table", name, table);
      map.add("places", name, places);
    }
    map.add("bases", "", encodeBases(content.bases));
    map.add("packs", "", encodePacks(content.packs));
    const { pieces, bytes, sections } = map.finish();
    if (!(await bucket.putOnce(mapKey(id), pieces, this.#signal))) return false;
    const { packedBytes } = content;
    const commit = { ...this.#description(id), packedBytes, map: { bytes, sections } };
    const key = snapshotKey(id);
    return bucket.putOnce(key, encodeCommit(commit, repository.sealFor(key)), this.#signal);
  }

  #description(remoteId: string): Omit<RemoteCommit, "map" | "packedBytes"> {
    const { snapshot } = this.#open;
    const { createdAt, expireTime, files, digest, parentDigest } = snapshot;
    const { clock, nodeId, counters, name = snapshot.config.name } = this.#parts;
    const config = { ...snapshot.config, name };
    const { id } = config;
    return {
      id: remoteId,
      pushedAt: clock.now(),
      nodeId,
      parentDigest,
      manifest: {
        version: manifestVersion,
        revision: 0,
        ...{ id, config, createdAt, expireTime, files, digest, parentDigest },
        protected: snapshot.protected,
      },
      dataBytes: counters.totalBytes,
    };
  }
}

async function localFile(
  open: OpenBlocks | undefined,
  name: string,
): Promise<RemoteBaseFile["local"]> {
  const position = open?.stored.files.findIndex((file) => file.name === name) ?? -1;
  if (open === undefined || position < 0) return undefined;
  return { handle: await open.stored.open(name), index: indexBlocks(await open.table(position)) };
}

function interrupted(id: string): StoreError {
  return new StoreError(
    "OPERATION_IN_PROGRESS",
    `collections removed packs of the push of snapshot ${id} ${maxAttempts} times`,
    { hint: "Push again, with a longer claim time if collections run all the time" },
  );
}
