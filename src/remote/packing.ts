// Puts the blocks of a snapshot's files into packs, and records where each block is. Blocks that
// the base has are borrowed.
import type { FileHandle } from "node:fs/promises";
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import { StoreError, isStoreError } from "../base/errors.js";
import { hasBytes, readBlock, type WholeIndex } from "../files/block-access.js";
import { digestBytes, digestOf } from "../files/block-digest.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import { entryKey, readEntries, type EntryPlace } from "./entries.js";
import { encodeBlock, type EncodedBlock } from "./format/block-codec.js";
import { packKey } from "./format/keys.js";
import {
  createPlaceWriter,
  type BaseBlock,
  type BlockPlace,
  type PackRecord,
} from "./format/map.js";
import {
  createPackWriter,
  type PackKeys,
  type PackWriter,
  type PackWriterOptions,
} from "./pack-writer.js";
import {
  originalOf,
  packOf,
  patchInBase,
  placeInBase,
  sourceOf,
  type RemoteBaseFile,
} from "./push-base.js";
import type { RemoteMap, RemoteReader } from "./remote-map.js";
import type { BlockOfPush, StoredBlocks, StoredEntry } from "./resumed-push.js";

/** The counters of a running push. They count bytes of blocks, except for `sentBytes`. */
export interface PushCounters {
  totalBytes: number;
  doneBytes: number;
  /** Bytes of blocks that were borrowed from snapshots at the remote. */
  reusedBytes: number;
  /** Bytes of the packs that were made. */
  sentBytes: number;
}

export interface PushedFile {
  readonly name: string;
  /** Index of the file in the snapshot. */
  readonly position: number;
  readonly handle: FileHandle;
  readonly index: WholeIndex;
  readonly base: RemoteBaseFile | undefined;
}

interface PackingOptions {
  readonly reader: RemoteReader;
  readonly open: OpenBlocks;
  /** Id of the push. */
  readonly push: string;
  /** Packs of the base that the push may use, by key. The claim names all of them. */
  readonly borrowed: ReadonlyMap<string, PackRecord>;
  /** What an earlier run of the push has stored. */
  readonly stored: StoredBlocks;
  readonly keys: PackKeys;
  /** The codec of zstd. Undefined if this Node has no zstd; blocks are then stored raw. */
  readonly codec: ZstdBlockCodec | undefined;
  readonly counters: PushCounters;
  /** Waits as long as the limits require. */
  readonly throttle: (bytes: number) => Promise<void>;
  readonly noteStored: PackWriterOptions["stored"];
  readonly signal: AbortSignal;
}

/** The packs and the bases to which the places of the files refer. */
interface Packed {
  readonly packs: readonly PackRecord[];
  readonly bases: readonly BaseBlock[];
}

interface Packing {
  /** Bytes of the packs that were made so far. */
  readonly writtenBytes: number;
  /** Packs the blocks of a file. Returns their places, for the map. */
  packFile(file: PushedFile): Promise<Uint8Array>;
  /** Waits until all packs are stored, and returns what the places refer to. */
  finish(): Promise<Packed>;
}

/** Number of blocks that are read and encoded concurrently. */
const ahead = 4;
/** Number of blocks whose patches in the base are fetched together. */
const windowBlocks = 1024;

export function createPacking(options: PackingOptions): Packing {
  return new FilePacking(options);
}

class FilePacking implements Packing {
  readonly #options: PackingOptions;
  readonly #writer: PackWriter;
  /** Index in the map of each used pack, by the key of the pack, or by `ownKey` for a new pack. */
  readonly #packs = new Map<string, number>();
  readonly #bases = new Map<string, { readonly index: number; readonly block: BaseBlock }>();

  constructor(options: PackingOptions) {
    const { reader, push, keys, throttle, noteStored: stored, signal } = options;
    this.#options = options;
    const seal = reader.repository.sealFor(push);
    const { bucket } = reader;
    this.#writer = createPackWriter({ bucket, push, keys, seal, throttle, stored, signal });
  }

  get writtenBytes(): number {
    return this.#writer.writtenBytes;
  }

  /** Packs the blocks of a file, and returns their places. */
  async packFile(file: PushedFile): Promise<Uint8Array> {
    const places = createPlaceWriter(file.index.table.digests.length / digestBytes);
    for (const blocks of windows(file.index.dataBlocks())) {
      const { reader, signal } = this.#options;
      const missing = blocks.filter((block) => this.#storedEntry(file, block) === undefined);
      const entries = await readEntries(reader, patchesToRead(file, missing), signal);
      const encoded = inOrder(blocks, (block) => this.#encode(file, block, entries));
      for await (const place of encoded) places.add(await this.#place(place));
    }
    return places.finish();
  }

  /**
   * Prepares a block for the map. If the base has the same block at the same position, the map
   * refers to the stored one. Otherwise the block is read, checked and encoded.
   */
  async #encode(
    file: PushedFile,
    block: number,
    entries: ReadonlyMap<string, Uint8Array>,
  ): Promise<PreparedBlock> {
    this.#options.signal.throwIfAborted();
    const { index, base } = file;
    const length = index.lengthOf(block);
    const place = base === undefined ? undefined : placeInBase(base, block);
    if (base !== undefined && place !== undefined && isSameBlock(index, base, block)) {
      return { length, borrowed: { base, place } };
    }
    const stored = this.#storedEntry(file, block);
    if (stored !== undefined) return { length, map: base?.map, ...stored };
    const bytes = await this.#readIntact(file, block);
    const { codec } = this.#options;
    const original =
      base !== undefined && place !== undefined && codec !== undefined
        ? await originalOf(base, block, place, { codec, entries })
        : undefined;
    const encoded = await encodeBlock(codec, bytes, original?.bytes);
    const digest = digestOf("blake3", bytes);
    const isPatch = encoded.encoding === "patch";
    const patched = isPatch && base !== undefined ? original?.block : undefined;
    const at = { file: file.position, block };
    return { length, at, encoded, digest, map: base?.map, original: patched };
  }

  /**
   * Returns the entry that an earlier run of the push has stored for this block. A patch can be
   * used only if its base can be borrowed.
   */
  #storedEntry(
    { position, base }: PushedFile,
    block: number,
  ): Pick<StoredBlock, "stored" | "original"> | undefined {
    const stored = this.#options.stored.find({ file: position, block });
    if (stored?.encoding !== "patch") return stored && { stored, original: undefined };
    const place = base === undefined ? undefined : placeInBase(base, block);
    if (base === undefined || place === undefined) return undefined;
    const original = sourceOf(base, block, place);
    return original && { stored, original };
  }

  /**
   * Returns the bytes of a block. If the block is damaged, marks the snapshot as corrupt and
   * throws, which ends the push.
   */
  async #readIntact({ name, handle, index }: PushedFile, block: number): Promise<Buffer> {
    try {
      const bytes = await readBlock(handle, index, block, name);
      if (await hasBytes(index, block, bytes)) return bytes;
    } catch (error) {
      if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    }
    const { open } = this.#options;
    open.foundDamage();
    throw damaged(open.stored.id, name, block);
  }

  async #place(block: PreparedBlock): Promise<BlockPlace> {
    const { counters } = this.#options;
    counters.doneBytes += block.length;
    if ("borrowed" in block) {
      counters.reusedBytes += block.length;
      const { base, place } = block.borrowed;
      const pack = this.#indexOf(packKey(packOf(base.map, place)));
      const known = place.base === undefined ? undefined : base.map.bases[place.base];
      return { ...place, pack, base: known && this.#baseIndex(base.map, known) };
    }
    const { map, original } = block;
    const base = map && original && this.#baseIndex(map, original);
    if ("stored" in block) {
      const { pack, offset, bytes, encoding } = block.stored;
      return { pack: this.#indexOf(packKey(pack)), offset, bytes, encoding, base };
    }
    const { encoded, digest, length, at } = block;
    const entry = await this.#writer.add(encoded, digest, { ...at, blockBytes: length });
    counters.sentBytes = this.#writer.writtenBytes;
    const { offset, bytes, encoding } = entry;
    const pack = this.#indexOf(ownKey(entry.sequence));
    return { pack, offset, bytes, encoding, base };
  }

  #indexOf(key: string): number {
    const index = this.#packs.get(key) ?? this.#packs.size;
    this.#packs.set(key, index);
    return index;
  }

  async finish(): Promise<Packed> {
    const { borrowed, stored } = this.#options;
    const records = new Map(borrowed);
    for (const pack of stored.packs) records.set(packKey(pack), pack);
    for (const pack of await this.#writer.finish()) records.set(ownKey(pack.sequence), pack);
    const packs = [...this.#packs.keys()].map((key) => {
      const record = records.get(key);
      if (record === undefined) throw new Error(`the claim does not name the pack ${key}`);
      return record;
    });
    return { packs, bases: [...this.#bases.values()].map(({ block }) => block) };
  }

  #baseIndex(map: RemoteMap, block: BaseBlock): number {
    const pack = packOf(map, block);
    const key = entryKey({ pack, offset: block.offset });
    const known = this.#bases.get(key);
    if (known !== undefined) return known.index;
    const index = this.#bases.size;
    this.#bases.set(key, { index, block: { ...block, pack: this.#indexOf(packKey(pack)) } });
    return index;
  }
}

/** A block that an earlier run of the push has stored. */
interface StoredBlock {
  readonly length: number;
  readonly stored: StoredEntry;
  readonly map: RemoteMap | undefined;
  /** The block of which the entry is a patch. Undefined if the entry is not a patch. */
  readonly original: BaseBlock | undefined;
}

type PreparedBlock =
  | {
      readonly length: number;
      readonly borrowed: { readonly base: RemoteBaseFile; readonly place: BlockPlace };
    }
  | StoredBlock
  | {
      readonly length: number;
      readonly at: BlockOfPush;
      readonly encoded: EncodedBlock;
      readonly digest: Uint8Array;
      readonly map: RemoteMap | undefined;
      /**
       * The block of which the encoded block is a patch. Undefined if the encoded block is not a
       * patch.
       */
      readonly original: BaseBlock | undefined;
    };

/**
 * Returns a substitute for the key of a new pack. The real key is not known before the pack is
 * stored.
 */
function ownKey(sequence: number): string {
  return `own ${sequence}`;
}

function isSameBlock(index: WholeIndex, { remote }: RemoteBaseFile, block: number): boolean {
  const [one, two] = [index.digestOf(block), remote.index.digestOf(block)];
  return one !== undefined && two !== undefined && Buffer.compare(one, two) === 0;
}

/**
 * Yields the patches that are needed to make the originals of the base's blocks from the blocks on
 * this node.
 */
function* patchesToRead(
  { index, base }: PushedFile,
  blocks: readonly number[],
): Generator<EntryPlace, void, undefined> {
  if (base?.local === undefined) return;
  for (const block of blocks) {
    const place = placeInBase(base, block);
    if (place === undefined || isSameBlock(index, base, block)) continue;
    const entry = patchInBase(base, place);
    if (entry !== undefined) yield entry;
  }
}

function* windows(blocks: Iterable<number>): Generator<number[], void, undefined> {
  let window: number[] = [];
  for (const block of blocks) {
    window.push(block);
    if (window.length < windowBlocks) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}

/** Yields the results of `work` in the order of the items. Works on a few items concurrently. */
async function* inOrder<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const queue: Promise<R>[] = [];
  try {
    for (const item of items) {
      const result = work(item);
      // The consumer handles this error when it reaches the item.
      result.catch(() => undefined);
      queue.push(result);
      const first = queue.length > ahead ? queue.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield await next;
  } finally {
    // The descriptors are closed next, so no read may still use their numbers.
    await Promise.allSettled(queue);
  }
}

function damaged(id: string, file: string, block: number): StoreError {
  const text = `snapshot ${id} has damaged data: block ${block} of ${file} does not match its digest`;
  return new StoreError("STORED_DATA_CORRUPT", text, {
    hint: `Run \`stasis verify ${id}\` to list the damaged ranges`,
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id, file, block: String(block) },
  });
}
