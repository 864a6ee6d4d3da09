// Tracks the owner and the expiry of each kept transfer. A transfer has one owner at a time: a
// pull, a cancellation or the sweep.
import { StoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { inodeBytes } from "../model/charge.js";
import type { TransferStore } from "./ports.js";

export interface TransferClaim extends AsyncDisposable {
  /** Counts the bytes that exist now. Call it before the reserved space is released. */
  measure(): Promise<void>;
}

export interface Transfers<Run> extends AsyncDisposable {
  /** The running pulls, by digest. */
  readonly running: ReadonlyMap<string, Run>;
  /** Returns the number of transfers that no pull has claimed. */
  kept(): number;
  /**
   * Claims the digest for one pull, after a running discard of its data has ended. Throws if
   * another pull has claimed it. Disposing of the result releases the claim. Data that was not
   * discarded by then is kept for `ttlMs`.
   */
  claim(digest: string, run: Run): Promise<TransferClaim>;
  /** Discards the data of the transfer with this digest, unless a pull has claimed it. */
  drop(digest: string): Promise<void>;
}

interface TransfersOptions {
  readonly logger: Logger;
  /** How long an interrupted transfer can be resumed, in elapsed time of the store. */
  readonly ttlMs: number;
}

/** A longer wait is split, because timers stop while the machine is suspended. */
const maxWaitMs = 60_000;

/** Finds the kept transfers, and discards the expired ones. */
export async function openTransfers<Run>(
  store: TransferStore,
  options: TransfersOptions,
): Promise<Transfers<Run>> {
  const kept = new KeptTransfers<Run>(store, options);
  await kept.load();
  return kept;
}

class KeptTransfers<Run> implements Transfers<Run> {
  readonly running = new Map<string, Run>();
  readonly #store: TransferStore;
  readonly #options: TransfersOptions;
  readonly #removing = new Map<string, Promise<void>>();
  /** When the last pull of each kept transfer ended, as a stamp of elapsed time. */
  readonly #ends = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(store: TransferStore, options: TransfersOptions) {
    this.#store = store;
    this.#options = options;
  }

  async load(): Promise<void> {
    for (const { digest, endedMs } of await this.#store.transfers.list()) {
      // A killed daemon has not recorded the end of its pulls.
      if (endedMs === undefined) await this.#keep(digest);
      else this.#ends.set(digest, endedMs);
      await this.#measure(digest);
    }
    await this.#sweepAndGoOn();
  }

  async claim(digest: string, run: Run): Promise<TransferClaim> {
    for (;;) {
      if (this.running.has(digest)) throw alreadyRunning(digest);
      const removal = this.#removing.get(digest);
      if (removal === undefined) break;
      await removal.catch(() => undefined);
    }
    this.running.set(digest, run);
    this.#ends.delete(digest);
    return {
      measure: () => this.#measure(digest),
      [Symbol.asyncDispose]: () => this.#giveBack(digest),
    };
  }

  kept(): number {
    return this.#ends.size;
  }

  async drop(digest: string): Promise<void> {
    if (this.running.has(digest)) return;
    const removal = this.#removing.get(digest) ?? this.#remove(digest);
    this.#removing.set(digest, removal);
    await removal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#removing.values());
  }

  async #giveBack(digest: string): Promise<void> {
    try {
      await this.#keep(digest);
    } catch (error) {
      this.#options.logger.error({ err: error, digest }, "could not record the end of a transfer");
      // The data of the transfer must not outlive its time, even if no file records the end.
      this.#ends.set(digest, this.#store.time.elapsedMs());
    } finally {
      this.running.delete(digest);
      this.#schedule();
    }
  }

  async #remove(digest: string): Promise<void> {
    try {
      await this.#store.transfers.drop(digest);
      this.#store.noteKept(digest, 0);
      this.#ends.delete(digest);
    } finally {
      this.#removing.delete(digest);
    }
  }

  async #measure(digest: string): Promise<void> {
    const { allocatedBytes, inodes } = await this.#store.transfers.space(digest);
    this.#store.noteKept(digest, allocatedBytes + inodes * inodeBytes);
  }

  async #keep(digest: string): Promise<void> {
    const endedMs = this.#store.time.elapsedMs();
    if (await this.#store.transfers.noteEnd(digest, endedMs)) this.#ends.set(digest, endedMs);
    else this.#ends.delete(digest);
    await this.#measure(digest);
  }

  async #sweep(): Promise<void> {
    const oldMs = this.#store.time.stampOfAge(this.#options.ttlMs);
    for (const [digest, endedMs] of this.#ends) if (endedMs < oldMs) await this.drop(digest);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#ends.size === 0) return;
    const oldMs = this.#store.time.stampOfAge(this.#options.ttlMs);
    const firstMs = Math.min(...this.#ends.values()) - oldMs + 1;
    // A failed discard is retried, but not at once.
    const waitMs = firstMs <= 0 ? maxWaitMs : Math.min(firstMs, maxWaitMs);
    this.#timer = setTimeout(() => void this.#sweepAndGoOn(), waitMs).unref();
  }

  async #sweepAndGoOn(): Promise<void> {
    try {
      await this.#sweep();
    } catch (error) {
      this.#options.logger.error({ err: error }, "could not remove an abandoned transfer");
    }
    this.#schedule();
  }
}

function alreadyRunning(digest: string): StoreError {
  return new StoreError("OPERATION_IN_PROGRESS", `another pull is fetching ${digest}`, {
    hint: "Wait for it; afterwards its snapshot is the base of this one",
    metadata: { digest },
    retryAfterMs: 1000,
  });
}
