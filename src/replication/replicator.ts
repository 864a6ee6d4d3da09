// Manages all pulls of a node: the running ones with their progress, and the interrupted ones with
// their data.
import { loadZstdBlockCodec } from "../archive/zstd-block.js";
import type { Clock } from "../base/clock.js";
import { reasonOfError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { createRateLimit, type RateLimit } from "../base/rate-limit.js";
import { emptyConfig } from "../model/config.js";
import type { Snapshot } from "../model/snapshot.js";
import type { PullState, ReplicationFigures } from "../observe/figures.js";
import { unobservedPulls, type PullBytes, type PullObserver } from "../observe/ports.js";
import type { RemoteSession } from "../remote/session.js";
import type { TransferStore, ReplicationStore } from "./ports.js";
import { healSnapshot } from "./heal-snapshot.js";
import type { PeerClient } from "./peer-client.js";
import { createPullHistory, type PullHistory } from "./pull-history.js";
import { pullFromRemote } from "./pull-remote.js";
import { pullSnapshot, type PullParts, type PullRequest } from "./pull.js";
import {
  followTransfer,
  transferCancelled,
  type RunningTransfer,
  type TransferStatus,
} from "./running.js";
import { checkDigest } from "./serve.js";
import { openTransfers, type Transfers } from "./transfers.js";

interface ReplicatorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Maximum rate of all pulls together; 0 = no limit. */
  readonly limitBytesPerSecond: number;
  /** How long an interrupted pull can be resumed. */
  readonly ttlMs: number;
  /** How long a peer may be silent before it counts as gone. */
  readonly idleMs: number;
  /** Connects to a peer by name or address; `field` is the request field that named it. */
  readonly connect: (nameOrAddress: string, field: string) => PeerClient;
  /** Opens a remote by name; `field` is the request field that named it. */
  readonly openRemote: (name: string, field: string) => RemoteSession;
  /** Receives the outcomes of pulls, for metrics. Default: no observer. */
  readonly observer?: PullObserver;
}

export interface Replicator extends AsyncDisposable {
  /**
   * Yields progress about twice a second, then the snapshot. If the caller leaves its loop early,
   * the pull is cancelled.
   */
  pull(request: PullRequest, signal: AbortSignal): ReturnType<typeof followTransfer<Snapshot>>;
  transfers(): Promise<TransferStatus[]>;
  figures(): ReplicationFigures;
  /** Returns the running pulls, and the newest ones that have ended. */
  pulls(): readonly PullState[];
  /** Ends a pull and discards its data. Returns false if there is neither a pull nor data. */
  cancel(digest: string): Promise<boolean>;
  readonly connect: ReplicatorOptions["connect"];
}

interface Running extends Omit<RunningTransfer<Snapshot>, "outcome"> {
  readonly request: PullRequest;
  readonly startedAt: Date;
}

/** The bytes of a pull, and when they last changed. */
interface Heard {
  readonly repair: boolean;
  bytes: number;
  atMs: number;
}

export async function openReplicator(
  store: ReplicationStore,
  options: ReplicatorOptions,
): Promise<Replicator> {
  return new Pulls(store, options, await openTransfers<Running>(store, options));
}

class Pulls implements Replicator {
  readonly connect: ReplicatorOptions["connect"];
  readonly #store: ReplicationStore;
  readonly #options: ReplicatorOptions;
  readonly #transfers: Transfers<Running>;
  readonly #nodeLimit: RateLimit;
  readonly #history: PullHistory;
  /** Each running pull, with its bytes at the last look, and the time of their last change. */
  readonly #counting = new Map<PullBytes, Heard>();

  constructor(store: ReplicationStore, options: ReplicatorOptions, transfers: Transfers<Running>) {
    this.connect = options.connect;
    this.#store = store;
    this.#options = options;
    this.#transfers = transfers;
    this.#nodeLimit = createRateLimit(options.limitBytesPerSecond, options.clock);
    this.#history = createPullHistory(options.clock);
  }

  async *pull(request: PullRequest, caller: AbortSignal) {
    const run = this.#begin(request, caller);
    yield* followTransfer(run, () => this.#silenceMs(run.counters));
  }

  transfers(): Promise<TransferStatus[]> {
    return describe(this.#store, this.#transfers.running);
  }

  figures(): ReplicationFigures {
    const bytes = { doneBytes: 0, reusedBytes: 0, sentBytes: 0 };
    let longestMs = 0;
    for (const counters of this.#counting.keys()) {
      const { doneBytes, reusedBytes, sentBytes } = counters;
      bytes.doneBytes += doneBytes;
      bytes.reusedBytes += reusedBytes;
      bytes.sentBytes += sentBytes;
      longestMs = Math.max(longestMs, this.#silenceMs(counters));
    }
    const running = this.#counting.size;
    const longestSilenceSeconds = longestMs / 1000;
    return { running, kept: this.#transfers.kept(), bytes, longestSilenceSeconds };
  }

  pulls(): readonly PullState[] {
    return this.#history.states();
  }

  async cancel(digest: string): Promise<boolean> {
    checkDigest(digest, "digest");
    const run = this.#transfers.running.get(digest);
    run?.controller.abort(transferCancelled());
    await run?.ended;
    const kept = await this.#store.transfers.list();
    await this.#transfers.drop(digest);
    return run !== undefined || kept.some((each) => each.digest === digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#transfers.running.values()];
    for (const { controller } of running) controller.abort(transferCancelled());
    await Promise.all(running.map(({ ended }) => ended));
    await this.#transfers[Symbol.asyncDispose]();
  }

  /**
   * Returns for how long this pull has brought nothing. The result is exact to the time between two
   * calls.
   */
  #silenceMs(counters: PullBytes): number {
    const heard = this.#counting.get(counters);
    if (heard === undefined) return 0;
    const nowMs = this.#options.clock.monotonicMs();
    const bytes = counters.doneBytes + counters.sentBytes;
    // A repair first reads the local snapshot, for as long as that takes.
    const isReadingHere = heard.repair && bytes === 0;
    if (bytes !== heard.bytes || isReadingHere) Object.assign(heard, { bytes, atMs: nowMs });
    return nowMs - heard.atMs;
  }

  #begin(request: PullRequest, caller: AbortSignal) {
    const { clock } = this.#options;
    const controller = new AbortController();
    const signal = AbortSignal.any([caller, controller.signal]);
    const counters = {
      ...{ totalBytes: 0, doneBytes: 0, changedBytes: 0, sentBytes: 0, reusedBytes: 0 },
    };
    const limit = createRateLimit(request.limitBytesPerSecond, clock);
    const source = this.#open(request);
    const record = this.#history.begin(request);
    const parts: SharedParts = {
      store: this.#store,
      counters,
      throttle: async (bytes) => {
        await limit.take(bytes, signal);
        await this.#nodeLimit.take(bytes, signal);
      },
      claim: (digest) => {
        const startedAt = clock.now();
        record.describe(digest);
        return this.#transfers.claim(digest, { request, counters, startedAt, controller, ended });
      },
    };
    const outcome: Promise<Snapshot> = Promise.resolve().then(() => source.pull(parts, signal));
    const { repair } = request;
    this.#counting.set(counters, { repair, bytes: 0, atMs: clock.monotonicMs() });
    const end = (reason: string): void => {
      source.close();
      record.end(reason);
      this.#counting.delete(counters);
      const { observer = unobservedPulls } = this.#options;
      observer.pulled(request.repair ? "heal" : "pull", reason, counters);
    };
    const ended: Promise<void> = outcome.then(
      () => end("OK"),
      (error: unknown) => end(reasonOfError(error)),
    );
    return { controller, counters, outcome, ended };
  }

  /**
   * Opens the peer or the remote. Throws FIELD_INVALID for a name that is not in the configuration.
   */
  #open(request: PullRequest): PullSource {
    if (request.from === "remote") {
      const session = this.#options.openRemote(request.source, "remote");
      const find: RemoteSession["find"] = (ref, signal) => session.find(ref, signal);
      return {
        pull: async (shared, signal) => {
          const parts = { ...shared, find, codec: await loadZstdBlockCodec() };
          return pullFromRemote(parts, request, signal);
        },
        close: () => session[Symbol.dispose](),
      };
    }
    const client = this.connect(request.source, "source");
    return {
      pull: (shared, signal) => {
        const parts = { ...shared, client, idleMs: this.#options.idleMs };
        return request.repair
          ? healSnapshot(parts, request, signal)
          : pullSnapshot(parts, request, emptyConfig(), signal);
      },
      close: () => client.close(),
    };
  }
}

/** The parts of pulls from peers and from remotes. */
type SharedParts = Pick<PullParts, "store" | "counters" | "throttle" | "claim">;

/** The peer or the remote of one pull. */
interface PullSource {
  pull(parts: SharedParts, signal: AbortSignal): Promise<Snapshot>;
  close(): void;
}

async function describe(
  store: Pick<TransferStore, "transfers">,
  running: ReadonlyMap<string, Running>,
): Promise<TransferStatus[]> {
  const found = new Map<string, TransferStatus>();
  const direction = "pull" as const;
  for (const { digest, source, ref, usedAt } of await store.transfers.list()) {
    const shown = { id: digest, direction, digest, source, ref, startedAt: usedAt };
    found.set(digest, { ...shown, active: false, progress: undefined });
  }
  for (const [digest, { request, counters, startedAt }] of running) {
    const { source, ref } = request;
    const progress = { ...counters };
    const shown = { id: digest, direction, digest, source, ref, startedAt };
    found.set(digest, { ...shown, active: true, progress });
  }
  return [...found.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}
