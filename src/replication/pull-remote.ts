// Performs one pull from a remote, from the commit object to a stored snapshot.
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import { StoreError } from "../base/errors.js";
import { mib } from "../base/sizes.js";
import { hasBytes } from "../files/block-access.js";
import { openPartFile, type PartFile } from "../files/part-file.js";
import { tableInMemory } from "../files/table-source.js";
import { emptyConfig } from "../model/config.js";
import type { Snapshot, SnapshotFile } from "../model/snapshot.js";
import { entryKey, readEntries, type EntryPlace } from "../remote/entries.js";
import { decodeBlock } from "../remote/format/block-codec.js";
import type { DecodedCommit } from "../remote/format/commit.js";
import { remoteDataInvalid } from "../remote/format/invalid.js";
import { packKey } from "../remote/format/keys.js";
import type { BaseBlock, BlockPlace } from "../remote/format/map.js";
import {
  readCommit,
  readMap,
  type RemoteFile,
  type RemoteMap,
  type RemoteReader,
} from "../remote/remote-map.js";
import type { FoundAtRemote } from "../remote/session.js";
import type { Filled, Intake } from "../store/write/intake.js";
import { likelyBases, openBestBase } from "./base-choice.js";
import { forEachWindow, inParallel, readOldBlock, takeFromBase, type BaseWindow } from "./fetch.js";
import {
  baseFileOf,
  countTotal,
  holdTransfer,
  nameHere,
  type PullParts,
  type PullRequest,
} from "./pull.js";

interface RemotePullParts extends Pick<PullParts, "store" | "counters" | "claim" | "throttle"> {
  /** Opens the remote, and finds the snapshot of the request there. */
  find(ref: string, signal: AbortSignal): Promise<FoundAtRemote>;
  /**
   * The codec of zstd. Undefined if this Node has no zstd; the pull can then read raw blocks only.
   */
  readonly codec: ZstdBlockCodec | undefined;
}

/** The parts of a pull whose remote is open. */
type OpenParts = RemotePullParts & RemoteReader;

type RemotePullRequest = Omit<PullRequest, "from" | "repair" | "limitBytesPerSecond">;

/**
 * Pulls a snapshot from a remote. If the pull fails, the fetched blocks stay for the next call,
 * which repeats all checks.
 */
export async function pullFromRemote(
  parts: RemotePullParts,
  request: RemotePullRequest,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { store } = parts;
  const intake = {
    config: { ...emptyConfig(), name: request.name },
    requestId: request.requestId,
    onNameConflict: "fail",
    keepExpireTime: request.keepExpireTime,
    protected: request.protect,
    source: `${request.source} ${request.ref}`,
  } as const;
  await using held = holdTransfer(parts);
  const fill = async (place: Intake): Promise<Filled> => {
    const { reader, id } = await parts.find(request.ref, signal);
    const commit = await readCommit(reader, id, signal);
    const { manifest } = commit;
    const name = nameHere(request, manifest.config);
    const config = await place.reconfigure({ ...manifest.config, id: "", name });
    const claim = await held.claim(manifest.digest);
    const open = { ...parts, ...reader };
    try {
      const files = await filesFromRemote(open, request, place, commit, signal);
      const { parentDigest, expireTime } = manifest;
      return { config, files, parentDigest, expireTime };
    } catch (error) {
      await claim.measure();
      throw error;
    }
  };
  const snapshot = await store.receive(intake, fill, signal);
  await held.drop();
  return snapshot;
}

async function filesFromRemote(
  parts: OpenParts,
  request: RemotePullRequest,
  place: Intake,
  commit: DecodedCommit,
  signal: AbortSignal,
): Promise<SnapshotFile[]> {
  const { store, counters } = parts;
  const { manifest } = commit;
  const map = await readMap(parts, commit, signal);
  const tables = new Map(
    [...map.files].map(([name, { index }]) => [name, tableInMemory(index.table)]),
  );
  await using base = await openBestBase(store, likelyBases(store, manifest), tables, signal);
  countTotal(counters, manifest.files, tables);
  const origin = { source: request.source, ref: request.ref };
  const transfer = await store.transfers.open(manifest.digest, origin);
  // From here on, the allowance of this pull counts the bytes of the transfer. They no longer count
  // as kept data.
  store.noteKept(manifest.digest, 0);
  const paths: string[] = [];
  for (const [position, file] of manifest.files.entries()) {
    const path = transfer.partPath(position);
    await place.allowance.wait(file.allocatedBytes);
    const onData = (bytes: number): void => place.allowance.take(bytes);
    const remote = fileOf(map, file.name);
    await using part = await openPartFile(path, remote.index.table, { signal, onData });
    const from = await baseFileOf(base, file.name, "");
    const source = tables.get(file.name) ?? tableInMemory(remote.index.table);
    await forEachWindow(part, source, from, async (window) => {
      const context = { counters, signal, reflink: store.reflink };
      const missing = await takeFromBase(context, part, window);
      await new RemoteFetch({ parts, map, remote, part, base: window, signal }).fetch(missing);
    });
    await part.complete();
    paths.push(path);
  }
  const files: SnapshotFile[] = [];
  for (const [position, { name, mode }] of manifest.files.entries()) {
    const { table } = fileOf(map, name).index;
    files.push(await place.staging.moveIn(paths[position] ?? "", name, { mode, table }));
  }
  return files;
}

/** Returns the map of a file. `readMap` has read the maps of all files. */
function fileOf(map: RemoteMap, name: string): RemoteFile {
  const file = map.files.get(name);
  if (file === undefined) throw new Error(`no map for ${name}`);
  return file;
}

interface FetchOptions {
  readonly parts: OpenParts;
  readonly map: RemoteMap;
  readonly remote: RemoteFile;
  readonly part: PartFile;
  readonly base: BaseWindow | undefined;
  readonly signal: AbortSignal;
}

/** A batch ends with the block that reaches one of these limits. Two batches are in memory. */
const batchBytes = 16 * mib;
const batchBlocks = 1024;

interface WantedBlock {
  readonly block: number;
  readonly place: BlockPlace;
  /** The block of which this block is a patch. Undefined unless this block is a patch. */
  readonly original: BaseBlock | undefined;
}

class RemoteFetch {
  readonly #options: FetchOptions;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /** Fetches the blocks with these numbers into the part. */
  async fetch(blocks: readonly number[]): Promise<void> {
    const batches = this.#batches(blocks);
    let batch = batches.next();
    let reading = batch.done === true ? undefined : this.#read(batch.value);
    while (batch.done !== true && reading !== undefined) {
      const entries = await reading;
      const following = batches.next();
      reading = following.done === true ? undefined : this.#read(following.value);
      // The next round awaits this promise, and handles its error.
      reading?.catch(() => undefined);
      await inParallel(batch.value, (wanted) => this.#put(wanted, entries));
      batch = following;
    }
  }

  *#batches(blocks: readonly number[]): Generator<WantedBlock[], void, undefined> {
    const { map, remote } = this.#options;
    let batch: WantedBlock[] = [];
    let bytes = 0;
    for (const block of blocks) {
      const place = remote.places.at(remote.index.positionOf(block) ?? -1);
      const original = place.base === undefined ? undefined : map.bases[place.base];
      batch.push({ block, place, original });
      bytes += place.bytes + (original?.bytes ?? 0);
      if (bytes < batchBytes && batch.length < batchBlocks) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  async #read(batch: readonly WantedBlock[]): Promise<Map<string, Uint8Array>> {
    const { parts, signal } = this.#options;
    const wanted = batch.flatMap(({ block, place, original }) => {
      const isHere = original === undefined || this.#hasOriginal(block, original);
      return isHere ? [this.#entry(place)] : [this.#entry(place), this.#entry(original)];
    });
    const bytes = wanted.reduce((sum, entry) => sum + entry.bytes, 0);
    await parts.throttle(bytes);
    const entries = await readEntries(parts, wanted, signal);
    parts.counters.sentBytes += bytes;
    return entries;
  }

  #entry({ pack, offset, bytes }: Omit<BlockPlace, "base">): EntryPlace {
    const record = this.#options.map.packs[pack];
    if (record === undefined) throw new Error(`no pack ${pack}`);
    return { pack: record, offset, bytes };
  }

  /**
   * Returns whether, by its digest, this node's base has the block that a patch needs. The block
   * itself may be damaged.
   */
  #hasOriginal(block: number, original: BaseBlock): boolean {
    const digest = this.#options.base?.index.digestOf(block);
    return digest !== undefined && Buffer.compare(digest, original.digest) === 0;
  }

  async #put(wanted: WantedBlock, entries: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { part, parts } = this.#options;
    const { block, place } = wanted;
    const length = part.index.lengthOf(block);
    const { encoding } = place;
    const entry = this.#entry(place);
    const bytes = entries.get(entryKey(entry)) ?? new Uint8Array();
    const base = await this.#original(wanted, entries);
    const codec = encoding === "raw" ? undefined : requireCodec(parts.codec);
    const decoded = await decodeBlock(codec, { encoding, bytes }, length, base);
    if (decoded === undefined || !(await hasBytes(part.index, block, decoded))) {
      const key = packKey(entry.pack);
      throw remoteDataInvalid(key, `it is not block ${block} of ${part.path}`, entry.offset);
    }
    await part.put(block, decoded);
    parts.counters.doneBytes += length;
    parts.counters.changedBytes += length;
  }

  /** Returns the bytes of the block that a patch needs. */
  async #original(
    { block, original }: WantedBlock,
    entries: ReadonlyMap<string, Uint8Array>,
  ): Promise<Uint8Array | undefined> {
    if (original === undefined) return undefined;
    const { base, parts, signal } = this.#options;
    if (base !== undefined && this.#hasOriginal(block, original)) {
      const local = await readOldBlock(base, block, signal);
      if (local !== undefined) return local;
      // The block is damaged on this node.
      const entry = this.#entry(original);
      const fetched = await readEntries(parts, [entry], signal);
      return this.#decodeOriginal(original, fetched.get(entryKey(entry)));
    }
    return this.#decodeOriginal(original, entries.get(entryKey(this.#entry(original))));
  }

  async #decodeOriginal(
    { encoding, blockBytes }: BaseBlock,
    bytes: Uint8Array = new Uint8Array(),
  ): Promise<Uint8Array | undefined> {
    const codec = encoding === "raw" ? undefined : requireCodec(this.#options.parts.codec);
    return decodeBlock(codec, { encoding, bytes }, blockBytes);
  }
}

function requireCodec(codec: ZstdBlockCodec | undefined): ZstdBlockCodec {
  if (codec !== undefined) return codec;
  throw new StoreError("NOT_IMPLEMENTED", `zstd is not available in Node ${process.version}`, {
    hint: "Use Node 22.15 or newer, or build the optional package zstd-napi with `npm run setup`",
  });
}
