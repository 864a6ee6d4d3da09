// Manages the pushes of a node to remotes, with their progress.
import { loadZstdBlockCodec } from "../archive/zstd-block.js";
import type { Clock } from "../base/clock.js";
import { StoreError, isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { startRun } from "../base/follow-run.js";
import { createRateLimit, type RateLimit } from "../base/rate-limit.js";
import { checkName } from "../model/name.js";
import { newRemoteId } from "../remote/format/remote-id.js";
import type { RemoteSession } from "../remote/session.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import type { TransferCounters } from "./fetch.js";
import type { PushStore } from "./ports.js";
import { pushToRemote, type PushedToRemote } from "./push-remote.js";
import {
  followTransfer,
  transferCancelled,
  type RunningTransfer,
  type TransferStatus,
} from "./running.js";

interface PushRequest {
  /** Name of the remote. */
  readonly remote: string;
  readonly ref: string;
  /** The name of the snapshot at the remote. Empty = its name on this node. */
  readonly name: string;
  /** Maximum rate of the push; 0 = no limit. */
  readonly limitBytesPerSecond: number;
}

interface PushesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Maximum rate of all pushes together; 0 = no limit. */
  readonly limitBytesPerSecond: number;
  /** Opens a remote by name; `field` is the request field that named it. */
  readonly openRemote: (name: string, field: string) => RemoteSession;
}

export interface Pushes extends AsyncDisposable {
  /**
   * Yields progress about twice a second, then the snapshot. If the caller leaves its loop early,
   * the push is cancelled.
   */
  push(
    request: PushRequest,
    signal: AbortSignal,
  ): ReturnType<typeof followTransfer<PushedToRemote>>;
  running(): TransferStatus[];
  /** Ends a push. Returns false if no push has this id. */
  cancel(id: string): Promise<boolean>;
}

interface RunningPush extends RunningTransfer<PushedToRemote> {
  readonly id: string;
  readonly request: PushRequest;
  readonly startedAt: Date;
  readonly snapshotId: string;
  readonly digest: string;
}

/** Forgets the pushes that were cut off, if their snapshots are gone. */
export async function openPushes(store: PushStore, options: PushesOptions): Promise<Pushes> {
  try {
    for (const { name, snapshotId } of await store.transfers.journals()) {
      if (!isStored(store, snapshotId)) await store.transfers.journal(name).discard();
    }
  } catch (error) {
    options.logger.error({ err: error }, "could not remove the journals of old pushes");
  }
  return new RunningPushes(store, options);
}

function isStored(store: Pick<PushStore, "inspect">, id: string): boolean {
  try {
    return store.inspect(id).config.id === id;
  } catch (error) {
    if (isStoreError(error, "SNAPSHOT_NOT_FOUND")) return false;
    throw error;
  }
}

class RunningPushes implements Pushes {
  readonly #store: PushStore;
  readonly #options: PushesOptions;
  readonly #nodeLimit: RateLimit;
  readonly #running = new Map<string, RunningPush>();

  constructor(store: PushStore, options: PushesOptions) {
    this.#store = store;
    this.#options = options;
    this.#nodeLimit = createRateLimit(options.limitBytesPerSecond, options.clock);
  }

  async *push(request: PushRequest, signal: AbortSignal) {
    if (request.name !== "") checkName(request.name, "name");
    using session = this.#options.openRemote(request.remote, "remote");
    await using open = await this.#store.openBlocks(request.ref, signal);
    yield* followTransfer(this.#begin(request, session, open, signal));
  }

  running(): TransferStatus[] {
    return [...this.#running.values()].map(({ id, digest, request, startedAt, counters }) => ({
      ...{ id, direction: "push", digest, source: request.remote, ref: request.ref },
      ...{ active: true, progress: { ...counters }, startedAt },
    }));
  }

  async cancel(id: string): Promise<boolean> {
    const run = this.#running.get(id);
    run?.controller.abort(transferCancelled());
    await run?.ended;
    return run !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.cancel(id)));
  }

  #begin(
    request: PushRequest,
    session: RemoteSession,
    open: OpenBlocks,
    caller: AbortSignal,
  ): RunningPush {
    const { clock } = this.#options;
    const { config, digest } = open.snapshot;
    this.#checkAlone(request.remote, config.id);
    const counters = countersOfPush();
    const limit = createRateLimit(request.limitBytesPerSecond, clock);
    const push = async (signal: AbortSignal): Promise<PushedToRemote> => {
      const throttle = async (bytes: number): Promise<void> => {
        await limit.take(bytes, signal);
        await this.#nodeLimit.take(bytes, signal);
      };
      const codec = await loadZstdBlockCodec();
      const { nodeId } = this.#store;
      const { name } = request;
      const parts = { store: this.#store, session, clock, nodeId, name, codec, counters, throttle };
      return await pushToRemote(parts, open, signal);
    };
    const id = newRemoteId(clock.now());
    const run = startRun(counters, caller, push, () => void this.#running.delete(id));
    const startedAt = clock.now();
    const running = { ...run, id, request, startedAt, snapshotId: config.id, digest };
    this.#running.set(id, running);
    return running;
  }

  /**
   * Throws OPERATION_IN_PROGRESS if another push is sending the snapshot to this remote. That push
   * may still delete its copy, so a second push must not rely on the copy.
   */
  #checkAlone(remote: string, snapshotId: string): void {
    for (const { request, snapshotId: other } of this.#running.values()) {
      if (request.remote !== remote || other !== snapshotId) continue;
      throw new StoreError(
        "OPERATION_IN_PROGRESS",
        `another push is sending snapshot ${snapshotId} to the remote ${remote}`,
        { hint: "Wait for it", metadata: { snapshot_id: snapshotId }, retryAfterMs: 1000 },
      );
    }
  }
}

/**
 * Makes the counters of a push. A block counts as changed unless it was borrowed from the remote.
 */
function countersOfPush(): TransferCounters {
  return {
    ...{ totalBytes: 0, doneBytes: 0, reusedBytes: 0, sentBytes: 0 },
    get changedBytes() {
      return this.doneBytes - this.reusedBytes;
    },
  };
}
