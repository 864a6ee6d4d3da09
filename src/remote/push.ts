// Pushes a stored snapshot to a remote: the packs, then the map, then the commit object.
// docs/remote-protocols.md defines the steps and their order.
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import type { Clock } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { indexBlocks } from "../files/block-access.js";
import { encodeBlockTable } from "../files/block-table-codec.js";
import { manifestVersion } from "../files/manifest.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import { doomedPacks, putClaim } from "./claims.js";
import { encodeCommit, type DecodedCommit, type RemoteCommit } from "./format/commit.js";
import { claimKey, mapKey, packKey, snapshotKey } from "./format/keys.js";
import { createMapWriter, encodeBases, encodePacks, type PackRecord } from "./format/map.js";
import { newRemoteId } from "./format/remote-id.js";
import { createPacking, type PushCounters, type PushedFile } from "./packing.js";
import { packOf, placeInBase, type RemoteBaseFile } from "./push-base.js";
import { readMap, type RemoteMap, type RemoteReader } from "./remote-map.js";

/** A snapshot that is at the remote, and perhaps on this node. */
export interface PushBase {
  readonly commit: DecodedCommit;
  readonly local: OpenBlocks | undefined;
}

interface PushParts extends RemoteReader {
  readonly clock: Clock;
  readonly nodeId: string;
  /** The codec of zstd. Undefined if this Node has no zstd; blocks are then stored raw. */
  readonly codec: ZstdBlockCodec | undefined;
  readonly counters: PushCounters;
  /** Waits as long as the limits require. */
  readonly throttle: (bytes: number) => Promise<void>;
}

export interface Pushed {
  readonly id: string;
  readonly packedBytes: number;
  readonly borrowedPacks: number;
}

/**
 * The number of attempts of a push. A collection that does not see the claim of a push can
 * interrupt each attempt.
 */
const maxAttempts = 5;

/** Pushes a snapshot. When the promise resolves, the whole snapshot is at the remote. */
export async function pushSnapshot(
  parts: PushParts,
  open: OpenBlocks,
  base: PushBase | undefined,
  signal: AbortSignal,
): Promise<Pushed> {
  for (let attempt = 1; ; attempt += 1) {
    const push = new Push(parts, open, signal);
    const outcome = await push.run(attempt === 1 ? base : undefined);
    if (outcome !== undefined) return outcome;
    if (attempt === maxAttempts) throw interrupted(open.stored.id);
  }
}

class Push {
  readonly #parts: PushParts;
  readonly #open: OpenBlocks;
  readonly #signal: AbortSignal;
  readonly #id: string;
  /** Packs of the base that the push may use, by key. The claim names all of them. */
  readonly #borrowed = new Map<string, PackRecord>();

  constructor(parts: PushParts, open: OpenBlocks, signal: AbortSignal) {
    this.#parts = parts;
    this.#open = open;
    this.#signal = signal;
    this.#id = newRemoteId(parts.clock.now());
  }

  /**
   * Makes one attempt. Returns undefined if a collection interfered, so that everything has to be
   * done again.
   */
  async run(base: PushBase | undefined): Promise<Pushed | undefined> {
    const { bucket } = this.#parts;
    const map =
      base === undefined ? undefined : await readMap(this.#parts, base.commit, this.#signal);
    const files = await this.#openFiles(base, map);
    this.#planBorrowing(files);
    const claim = { push: this.#id, number: 0, borrowed: this.#borrowed.values() };
    await putClaim(this.#parts, claim, this.#signal);
    const mayBorrow = base !== undefined && (await this.#baseIsSafe(base));
    if (!mayBorrow) this.#borrowed.clear();
    const stored = await this.#store(
      mayBorrow ? files : files.map((file) => ({ ...file, base: undefined })),
    );
    const key = claimKey(this.#id, 0);
    const claimed = (await bucket.head(key, this.#signal)) !== undefined;
    if (!claimed && !(await this.#allPacksAreSafe(stored.packs))) {
      await bucket.delete(snapshotKey(this.#id), this.#signal);
      return undefined;
    }
    if (claimed) await bucket.delete(key, this.#signal);
    const borrowedPacks = stored.packs.filter(({ push }) => push !== this.#id).length;
    return { id: this.#id, packedBytes: stored.packedBytes, borrowedPacks };
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
      files.push({ name, handle, index, base: comparable ? file : undefined });
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

  async #baseIsSafe({ commit }: PushBase): Promise<boolean> {
    if (this.#borrowed.size === 0) return true;
    const doomed = await doomedPacks(this.#parts, this.#signal);
    if ([...this.#borrowed.keys()].some((key) => doomed.has(key))) return false;
    const key = snapshotKey(commit.id);
    return (await this.#parts.bucket.head(key, this.#signal)) !== undefined;
  }

  async #allPacksAreSafe(packs: readonly PackRecord[]): Promise<boolean> {
    const doomed = await doomedPacks(this.#parts, this.#signal);
    for (const pack of packs) {
      const key = packKey(pack);
      if (doomed.has(key)) return false;
      if ((await this.#parts.bucket.head(key, this.#signal)) === undefined) return false;
    }
    return true;
  }

  /** Stores the packs, the map and the commit object. */
  async #store(files: readonly PushedFile[]) {
    const { bucket, repository, codec, counters, throttle } = this.#parts;
    const packing = createPacking({
      ...{ reader: this.#parts, open: this.#open, push: this.#id, borrowed: this.#borrowed },
      ...{ codec, counters, throttle, signal: this.#signal },
    });
    const map = createMapWriter(this.#id, repository.sealFor(this.#id));
    for (const file of files) {
      map.add("table", file.name, encodeBlockTable(file.index.table));
      map.add("places", file.name, await packing.packFile(file));
    }
    const { packs, bases } = await packing.finish();
    map.add("bases", "", encodeBases(bases));
    map.add("packs", "", encodePacks(packs));
    const written = map.finish();
    await bucket.put(mapKey(this.#id), written.pieces, this.#signal);
    const key = snapshotKey(this.#id);
    const { bytes, sections } = written;
    const packedBytes = packing.writtenBytes;
    const commit = { ...this.#description(), packedBytes, map: { bytes, sections } };
    await bucket.put(key, encodeCommit(commit, repository.sealFor(key)), this.#signal);
    return { packs, packedBytes };
  }

  #description(): Omit<RemoteCommit, "map" | "packedBytes"> {
    const { snapshot } = this.#open;
    const { config, createdAt, files, digest } = snapshot;
    const { clock, nodeId, counters } = this.#parts;
    const { id } = config;
    return {
      id: this.#id,
      pushedAt: clock.now(),
      nodeId,
      parentDigest: "",
      manifest: {
        version: manifestVersion,
        revision: 0,
        ...{ id, config, createdAt, files, digest, protected: snapshot.protected },
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
