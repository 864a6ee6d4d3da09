// Verifies the content of the packs of one snapshot: footers against the map, and blocks against
// their digests.
import { randomBytes } from "node:crypto";
import { mib } from "../base/sizes.js";
import { hasBytes, type WholeIndex } from "../files/block-access.js";
import { digestOf } from "../files/block-digest.js";
import { entryKey, readEntries, type EntryPlace } from "./entries.js";
import { decodeBlock } from "./format/block-codec.js";
import { packKey } from "./format/keys.js";
import type { BaseBlock, BlockPlace, PackRecord } from "./format/map.js";
import { decodePackFooter, decodePackTail, tailBytes, type PackEntry } from "./format/pack.js";
import { packOf } from "./push-base.js";
import type { RemoteMap } from "./remote-map.js";
import { isUnusable } from "./unusable.js";
import {
  damageOf,
  type FoundDamage,
  type RemoteVerifyOptions,
  type RemoteVerifyParts,
} from "./verify-parts.js";

/** A block of a file, and where it is. */
interface PlacedBlock {
  readonly file: string;
  readonly index: WholeIndex;
  readonly block: number;
  readonly place: BlockPlace;
  /** The block of which this block is a patch. Undefined unless it is a patch. */
  readonly original: BaseBlock | undefined;
}

type Footer = ReadonlyMap<number, PackEntry>;

/** Number of footers in memory. A footer has a record for each of at most 65,536 entries. */
const maxFooters = 64;
/** A batch of blocks ends with the block that reaches one of these limits. */
const batchBytes = 16 * mib;
const batchBlocks = 1024;

interface MapCheckOptions {
  readonly parts: RemoteVerifyParts;
  readonly options: RemoteVerifyOptions;
  readonly signal: AbortSignal;
  readonly map: RemoteMap;
  /** Keys of the packs that are there. The others are left out. */
  readonly present: ReadonlySet<string>;
  readonly tell: (damage: FoundDamage) => void;
}

/** Verifies the packs and blocks of a map. */
export async function checkContent(options: MapCheckOptions): Promise<void> {
  await new MapCheck(options).run();
}

class MapCheck {
  readonly #options: MapCheckOptions;
  /** The footers that were read last. */
  readonly #footers = new Map<string, Footer>();
  /** The packs whose damaged footers were reported already. */
  readonly #damaged = new Set<string>();
  readonly #seed = randomBytes(8).toString("hex");

  constructor(options: MapCheckOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { map, options, signal } = this.#options;
    let batch: PlacedBlock[] = [];
    let bytes = 0;
    for (const [file, { index, places }] of map.files) {
      for (const block of index.dataBlocks()) {
        signal.throwIfAborted();
        const place = places.at(index.positionOf(block) ?? -1);
        const original = place.base === undefined ? undefined : map.bases[place.base];
        const placed = { file, index, block, place, original };
        await this.#compareWithFooters(placed);
        if (options.level !== "data" || Math.random() >= options.sample) continue;
        batch.push(placed);
        bytes += place.bytes + (original?.bytes ?? 0);
        if (bytes < batchBytes && batch.length < batchBlocks) continue;
        await this.#readBlocks(batch);
        [batch, bytes] = [[], 0];
      }
    }
    await this.#readBlocks(batch);
  }

  async #compareWithFooters(placed: PlacedBlock): Promise<void> {
    const { map } = this.#options;
    const { index, block, place, original } = placed;
    const digest = index.table.algorithm === "blake3" ? index.digestOf(block) : undefined;
    const expected = { ...place, blockBytes: index.lengthOf(block), digest };
    await this.#compareEntry(packOf(map, place), expected, placed);
    if (original !== undefined) await this.#compareEntry(packOf(map, original), original, placed);
  }

  async #compareEntry(
    pack: PackRecord,
    expected: Pick<BlockPlace, "offset" | "bytes" | "encoding"> & {
      readonly blockBytes: number;
      readonly digest: Uint8Array | undefined;
    },
    { file, block }: PlacedBlock,
  ): Promise<void> {
    const key = packKey(pack);
    if (!this.#isSampled(key)) return;
    const footer = await this.#footerOf(pack);
    if (footer === undefined) return;
    const { offset, bytes, encoding, blockBytes, digest } = expected;
    const entry = footer.get(offset);
    const isSame =
      entry?.bytes === bytes &&
      entry.encoding === encoding &&
      entry.blockBytes === blockBytes &&
      (digest === undefined || Buffer.compare(entry.digest, digest) === 0);
    const problem = "its footer has another entry there than the map";
    if (!isSame) this.#options.tell({ key, offset, file, block, problem });
  }

  /** Returns whether the footer of the pack is read. The answer for a pack is always the same. */
  #isSampled(key: string): boolean {
    const { options, present } = this.#options;
    if (!present.has(key)) return false;
    if (options.sample >= 1) return true;
    const hash = digestOf("blake3", Buffer.from(this.#seed + key)).readUInt32LE();
    return hash < options.sample * 2 ** 32;
  }

  /** Returns the entries of the pack by offset. Undefined if its footer is damaged. */
  async #footerOf(pack: PackRecord): Promise<Footer | undefined> {
    const key = packKey(pack);
    if (this.#damaged.has(key)) return undefined;
    const known = this.#footers.get(key);
    if (known !== undefined) return known;
    try {
      const footer = await this.#readFooter(pack);
      const [oldest] = this.#footers.keys();
      if (this.#footers.size >= maxFooters && oldest !== undefined) this.#footers.delete(oldest);
      this.#footers.set(key, footer);
      return footer;
    } catch (error) {
      this.#options.tell({ file: "", block: undefined, ...damageOf(error, key) });
      this.#damaged.add(key);
      return undefined;
    }
  }

  async #readFooter(pack: PackRecord): Promise<Footer> {
    const { parts, signal } = this.#options;
    const { bucket, repository, counters } = parts;
    const key = packKey(pack);
    const tailRange = { offset: pack.bytes - tailBytes, length: tailBytes };
    const bytes = await bucket.get(key, { range: tailRange, maxBytes: tailBytes, signal });
    const tail = decodePackTail(bytes, pack.bytes, key);
    const range = { offset: tail.footerOffset, length: tail.footerBytes };
    const stored = await bucket.get(key, { range, maxBytes: range.length, signal });
    const seal = repository.sealOf(pack.push, pack.keyId);
    counters.footers += 1;
    const entries = decodePackFooter(stored, tail, pack, seal);
    return new Map(entries.map((entry) => [entry.offset, entry]));
  }

  async #readBlocks(batch: readonly PlacedBlock[]): Promise<void> {
    const { map, present } = this.#options;
    const blocks = batch.filter(({ place, original }) => {
      const packs = [place, ...(original === undefined ? [] : [original])];
      return packs.every((each) => present.has(packKey(packOf(map, each))));
    });
    const wanted = blocks.flatMap(({ place, original }) => [
      this.#entry(place),
      ...(original === undefined ? [] : [this.#entry(original)]),
    ]);
    const entries = await this.#read(wanted);
    for (const placed of blocks) await this.#compareBlock(placed, entries);
  }

  /**
   * Reads the entries. If a request for several of them fails, reads each by itself, so that the
   * damage is in an error of its own.
   */
  async #read(wanted: readonly EntryPlace[]): Promise<Map<string, Uint8Array | Error>> {
    const { parts, signal } = this.#options;
    try {
      return await readEntries(parts, wanted, signal);
    } catch (error) {
      if (!isUnusable(error)) throw error;
    }
    const found = new Map<string, Uint8Array | Error>();
    for (const entry of wanted) {
      try {
        const read = await readEntries(parts, [entry], signal);
        for (const [key, bytes] of read) found.set(key, bytes);
      } catch (error) {
        if (!isUnusable(error) || !(error instanceof Error)) throw error;
        found.set(entryKey(entry), error);
      }
    }
    return found;
  }

  async #compareBlock(
    { file, index, block, place, original }: PlacedBlock,
    entries: ReadonlyMap<string, Uint8Array | Error>,
  ): Promise<void> {
    const { parts, tell } = this.#options;
    const { codec, counters } = parts;
    counters.blocks += 1;
    const damagedAt = ({ pack, offset }: EntryPlace, problem: string): void =>
      tell({ key: packKey(pack), offset, file, block, problem });
    let base: Uint8Array | undefined;
    if (original !== undefined) {
      const at = this.#entry(original);
      const bytes = entries.get(entryKey(at));
      if (!(bytes instanceof Uint8Array)) return damagedAt(at, bytes?.message ?? "it was not read");
      const { encoding, blockBytes } = original;
      base = await decodeBlock(codec, { encoding, bytes }, blockBytes);
      if (base === undefined || !digestOf("blake3", base).equals(original.digest)) {
        return damagedAt(at, "the block does not match its digest");
      }
    }
    const at = this.#entry(place);
    const bytes = entries.get(entryKey(at));
    if (!(bytes instanceof Uint8Array)) return damagedAt(at, bytes?.message ?? "it was not read");
    const { encoding } = place;
    const decoded = await decodeBlock(codec, { encoding, bytes }, index.lengthOf(block), base);
    if (decoded === undefined || !(await hasBytes(index, block, decoded))) {
      damagedAt(at, "the block does not match its digest");
    }
  }

  #entry(place: Omit<BlockPlace, "base">): EntryPlace {
    return { pack: packOf(this.#options.map, place), offset: place.offset, bytes: place.bytes };
  }
}
