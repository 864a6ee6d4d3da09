// Writes the packs of a push. The writer collects encoded blocks, and stores a pack when it is
// full, a few packs at a time.
import type { EncodedBlock } from "./format/block-codec.js";
import { packKey } from "./format/keys.js";
import type { PackRecord } from "./format/map.js";
import { createPackBuilder, type PackBuilder, type PackEntry } from "./format/pack.js";
import type { Seal } from "./format/seal.js";
import type { Bucket } from "./s3/bucket.js";
import { untilStored } from "./until-stored.js";

/** Maximum number of packs that are being stored. Each takes about 16 MiB of memory. */
const packsInFlight = 4;

interface PackWriterOptions {
  readonly bucket: Bucket;
  readonly push: string;
  readonly seal: Seal;
  readonly signal: AbortSignal;
  /** Called with the size of a pack before the pack is sent. */
  readonly throttle: (bytes: number) => Promise<void>;
}

export interface PackWriter {
  /** Bytes of all packs that were made so far. */
  readonly writtenBytes: number;
  /**
   * Adds a block. Waits while too many packs are being stored. Throws the error of the request that
   * failed to store a pack.
   */
  add(block: EncodedBlock, digest: Uint8Array, blockBytes: number): Promise<WrittenEntry>;
  /** Stores the last pack, and waits until all packs are stored. */
  finish(): Promise<PackRecord[]>;
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
  #builder: PackBuilder | undefined;
  #failure: { readonly error: unknown } | undefined;
  writtenBytes = 0;

  constructor(options: PackWriterOptions) {
    this.#options = options;
  }

  async add(block: EncodedBlock, digest: Uint8Array, blockBytes: number): Promise<WrittenEntry> {
    const { push, seal } = this.#options;
    const sequence = this.#packs.length;
    this.#builder ??= createPackBuilder({ push, sequence }, seal);
    const entry = { ...this.#builder.add(block, digest, blockBytes), sequence };
    if (this.#builder.isFull) await this.#send();
    return entry;
  }

  async finish(): Promise<PackRecord[]> {
    if (this.#builder !== undefined) await this.#send();
    await Promise.all(this.#sending);
    this.#check();
    return this.#packs;
  }

  async #send(): Promise<void> {
    const { push, seal, throttle } = this.#options;
    const sequence = this.#packs.length;
    const { pieces, bytes } = this.#builder?.finish() ?? { pieces: [], bytes: 0 };
    this.#builder = undefined;
    this.#packs.push({ push, attempt: 0, sequence, bytes, keyId: seal.keyId });
    this.writtenBytes += bytes;
    while (this.#sending.size >= packsInFlight) await Promise.race(this.#sending);
    this.#check();
    await throttle(bytes);
    const sent: Promise<void> = this.#store(sequence, pieces)
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
  }

  /** Stores a pack. If its key is burnt, the pack is stored again under another key. */
  async #store(sequence: number, pieces: readonly Uint8Array[]): Promise<void> {
    const { bucket, signal } = this.#options;
    const pack = this.#packs[sequence];
    if (pack === undefined) throw new Error(`no pack ${sequence}`);
    const attempt = await untilStored((number) =>
      bucket.putOnce(packKey({ ...pack, attempt: number }), pieces, signal),
    );
    this.#packs[sequence] = { ...pack, attempt };
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
