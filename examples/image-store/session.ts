// Drives a GC session with the daemon. If an answer is lost, it repeats the calls that are safe to
// repeat.
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  GcOutcome,
  isStoreError,
  type BeginGcResponse,
  type Client,
  type GcCandidate,
  type StoreError,
} from "stasis";

export interface SessionOptions {
  /** Name of this collector, which other callers see in GC_LOCK_BUSY. */
  readonly owner: string;
  /** The time for which the daemon keeps the session open without a call from us: 1 s to 10 min. */
  readonly ttlMs: number;
}

/** Selects the snapshots that the cycle evicts, in addition to leftovers. */
export interface EvictionPolicy {
  readonly keepLast?: number;
}

/** An answer that takes longer counts as lost. */
const answer = { timeoutMs: 10_000 } as const;
const idsPerCall = 1000;
const readAttempts = 5;

export class GcSession implements AsyncDisposable {
  #renewedAtMs = performance.now();

  private constructor(
    readonly epoch: bigint,
    private readonly client: Client,
    private readonly id: string,
    private readonly ttlMs: number,
  ) {}

  /**
   * Begins a session without waiting. Throws GC_LOCK_BUSY if another session is open. That session
   * may be our own, if the answer to an earlier BeginGc was lost: nobody knows its id, so it stays
   * open until its time is over. Therefore this is the only call that is not repeated.
   */
  static async begin(client: Client, { owner, ttlMs }: SessionOptions): Promise<GcSession> {
    const request = { owner, ttl: durationFromMs(ttlMs) };
    const { sessionId, epoch }: BeginGcResponse = await client.beginGc(request, answer);
    return new GcSession(epoch, client, sessionId, ttlMs);
  }

  /**
   * Returns every blob that a snapshot pins. Blobs missing from this list would be lost, so it must
   * be complete. The last page gives their number and digest.
   */
  async references(): Promise<ReadonlySet<string>> {
    for (let attempt = 1; attempt <= readAttempts; attempt++) {
      const found = await this.#readReferences();
      if (found !== undefined) return found;
      // A page was lost, or arrived twice.
    }
    throw new Error(`the references were not whole, ${readAttempts} times`);
  }

  async #readReferences(): Promise<ReadonlySet<string> | undefined> {
    const ids: string[] = [];
    const hash = createHash("sha256");
    for (let pageToken = ""; ;) {
      await this.#keepAlive();
      const page = await this.#ask((call) =>
        this.client.listGcReferences({ ...this.#ref, pageToken }, call),
      );
      for (const id of page.imageBlobIds) hash.update(`${id}\n`);
      ids.push(...page.imageBlobIds);
      pageToken = page.nextPageToken;
      if (pageToken !== "") continue;
      const digest = `sha256:${hash.digest("hex")}`;
      const isWhole = page.totalCount === BigInt(ids.length) && page.digest === digest;
      return isWhole ? new Set(ids) : undefined;
    }
  }

  /**
   * Collects snapshots. Call `references` first: a session must read all pins before it removes a
   * snapshot.
   */
  async collectSnapshots(policy: EvictionPolicy): Promise<string[]> {
    const candidates: GcCandidate[] = [];
    for (let pageToken = ""; ;) {
      await this.#keepAlive();
      const page = await this.#ask((call) =>
        this.client.listGcCandidates({ ...this.#ref, policy, pageToken }, call),
      );
      candidates.push(...page.candidates);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    const removed: string[] = [];
    for (let start = 0; start < candidates.length; start += idsPerCall) {
      await this.#keepAlive();
      const ids = candidates.slice(start, start + idsPerCall).map(({ id }) => id);
      // A repeated request with the same request_id returns the result of the first.
      const request = { ...this.#ref, ids, requestId: randomUUID() };
      const { outcomes } = await this.#ask((call) => this.client.collectGc(request, call));
      for (const { id, outcome } of outcomes) {
        if (outcome === GcOutcome.REMOVED) removed.push(id);
      }
    }
    return removed;
  }

  /**
   * Resolves if the daemon confirms that the session is open, and throws GC_SESSION_FENCED if it is
   * not. A session cannot reopen, so a confirmed session was open all the time until then.
   */
  async renew(): Promise<void> {
    const askedAtMs = performance.now();
    await this.#ask((call) => this.client.renewGc(this.#ref, call));
    this.#renewedAtMs = askedAtMs;
  }

  /** Closes the session. If that fails, the session ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ask((call) => this.client.endGc(this.#ref, call)).catch(() => undefined);
  }

  get #ref() {
    return { sessionId: this.id, epoch: this.epoch };
  }

  async #keepAlive(): Promise<void> {
    if (performance.now() - this.#renewedAtMs > this.ttlMs / 3) await this.renew();
  }

  /** Repeats the request if the answer was lost, as long as the session can be open. */
  async #ask<Answer>(call: (options: typeof answer) => Promise<Answer>): Promise<Answer> {
    const endMs = performance.now() + this.ttlMs;
    for (;;) {
      try {
        return await call(answer);
      } catch (error) {
        if (!isAnswerLost(error) || performance.now() > endMs) throw error;
        await pause(100);
      }
    }
  }
}

/**
 * Returns whether the answer was lost. In that case nobody knows whether the daemon carried out the
 * call.
 */
export function isAnswerLost(error: unknown): error is StoreError {
  if (!isStoreError(error)) return false;
  return error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED";
}
