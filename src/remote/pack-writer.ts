// Writes the packs of a push. The writer collects encoded blocks, and stores a pack when it is
// full, a few packs at a time.
import type { EncodedBlock } from "./format/block-codec.js";
import { packKey } from "./format/keys.js";
import type { PackRecord } from "./format/map.js";
import { createPackBuilder, type PackBuilder, type PackEntry } from "./format/pack.js";
import type { Seal } from "./format/seal.js";
import type { Bucket } from "./s3/bucket.js";
import type { BlockOfPush } from "./resumed-push.js";
import { untilStored } from "./until-stored.js";

/** Maximum number of packs that are being stored. Each takes about 16 MiB of memory. */
const packsInFlight = 4;

export interface PackWriterOptions {
  readonly bucket: Bucket;
  readonly push: string;
  readonly keys: PackKeys;
  readonly seal: Seal;
  readonly signal: AbortSignal;
  /** Called with the size of a pack before the pack is sent. */
  readonly throttle: (bytes: number) => Promise<void>;
  /** Called when a pack is stored, with the block of each of its entries. */
  readonly stored: (pack: PackRecord, blocks: readonly BlockOfPush[]) => Promise<void>;
}

/** Where the keys of a push's new packs begin. No earlier pack of the push has a later key. */
export interface PackKeys {
  readonly firstSequence: number;
  readonly firstAttempt: number;
}

export interface PackWriter {
  /** Bytes of all packs that were made so far. */
  readonly writtenBytes: number;
  /**
   * Adds a block. Waits while too many packs are being stored. Throws the error of the request that
   * failed to store a pack.
   */
  add(block: EncodedBlock, digest: Uint8Array, what: WrittenBlock): Promise<WrittenEntry>;
  /** Stores the last pack, and waits until all packs are stored. */
  finish(): Promise<PackRecord[]>;
}

interface WrittenBlock extends BlockOfPush {
  readonly blockBytes: number;
}

interface WrittenEntry extends PackEntry {
  /** Number of the entry's pack in this push. */
  readonly sequence: number;
}

export function createPackWriter(options: PackWriterOptions): PackWriter {
  return new Writer(options);
}

class Writer implements PackWriter {
  readonly #options: PackWriterOptions;
  readonly #packs: PackRecord[] = [];
  readonly #sending = new Set<Promise<void>>();
  /** The blocks of the entries of the pack that is being built. */
  #blocks: BlockOfPush[] = [];
  #builder: PackBuilder | undefined;
  #failure: { readonly error: unknown } | undefined;
  writtenBytes = 0;

  constructor(options: PackWriterOptions) {
    this.#options = options;
  }

  async add(
    encoded: EncodedBlock,
    digest: Uint8Array,
    { file, block, blockBytes }: WrittenBlock,
  ): Promise<WrittenEntry> {
    const { push, seal } = this.#options;
    const sequence = this.#nextSequence();
    this.#builder ??= createPackBuilder({ push, sequence }, seal);
    const entry = { ...this.#builder.add(encoded, digest, blockBytes), sequence };
    this.#blocks.push({ file, block });
    if (this.#builder.isFull) await this.#send();
    return entry;
  }

  async finish(): Promise<PackRecord[]> {
    if (this.#builder !== undefined) await this.#send();
    await Promise.all(this.#sending);
    this.#check();
    return this.#packs;
  }

  #nextSequence(): number {
    return this.#options.keys.firstSequence + this.#packs.length;
  }

  async #send(): Promise<void> {
    const { push, keys, seal, throttle } = this.#options;
    const index = this.#packs.length;
    const sequence = this.#nextSequence();
    const { pieces, bytes } = this.#builder?.finish() ?? { pieces: [], bytes: 0 };
    const blocks = this.#blocks;
    [this.#builder, this.#blocks] = [undefined, []];
    const attempt = keys.firstAttempt;
    this.#packs.push({ push, attempt, sequence, bytes, keyId: seal.keyId });
    this.writtenBytes += bytes;
    while (this.#sending.size >= packsInFlight) await Promise.race(this.#sending);
    this.#check();
    await throttle(bytes);
    const sent: Promise<void> = this.#store(index, pieces, blocks)
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
  }

  /** Stores a pack. If its key is burnt, the pack is stored again under another key. */
  async #store(
    index: number,
    pieces: readonly Uint8Array[],
    blocks: readonly BlockOfPush[],
  ): Promise<void> {
    const { bucket, keys, signal, stored } = this.#options;
    const pack = this.#packs[index];
    if (pack === undefined) throw new Error(`no pack ${index}`);
    const attemptOf = (number: number): number => keys.firstAttempt + number;
    const number = await untilStored((each) =>
      bucket.putOnce(packKey({ ...pack, attempt: attemptOf(each) }), pieces, signal),
    );
    const record = { ...pack, attempt: attemptOf(number) };
    this.#packs[index] = record;
    await stored(record, blocks);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
