// Maintains the remotes of a daemon: deletes snapshots there, and collects garbage.
import type { Clock } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { startRun, followRun, type FollowedRun, type RunEvent } from "../base/follow-run.js";
import type { RemoteWorkObserver } from "../observe/ports.js";
import {
  collectCounters,
  collectRemote,
  type CollectCounters,
  type CollectOptions,
  type RemoteCollection,
} from "./collect.js";
import { abandonRun } from "./other-runs.js";
import { removeFromRemote, type RemoteRemoval } from "./removal.js";
import type { RemoteSession } from "./session.js";
import {
  followVerification,
  type RemoteVerifyEvent,
  type RemoteVerifyRequest,
} from "./verifications.js";

interface MaintenanceParts {
  readonly clock: Clock;
  readonly observer: RemoteWorkObserver;
  /**
   * Opens a remote by name. Throws FIELD_INVALID for an unknown name; `field` is the request field
   * that has it.
   */
  readonly openRemote: (name: string, field: string) => RemoteSession;
}

interface RemoveRequest {
  /** Name of the remote. */
  readonly remote: string;
  readonly refs: readonly string[];
  /** If true, refs that match nothing are skipped. */
  readonly allowMissing: boolean;
}

interface RemoteCollectRequest extends CollectOptions {
  /** Name of the remote. */
  readonly remote: string;
}

export interface RemoteMaintenance {
  /** Deletes snapshots, as `removeFromRemote` describes. */
  remove(request: RemoveRequest, signal: AbortSignal): Promise<readonly RemoteRemoval[]>;
  /**
   * Collects garbage. Yields the progress about twice a second, then the result. If the caller
   * leaves its loop early, the collection is cancelled. Throws OPERATION_IN_PROGRESS if this daemon
   * is collecting this remote already.
   */
  collect(
    request: RemoteCollectRequest,
    signal: AbortSignal,
  ): AsyncGenerator<RunEvent<RemoteCollection, CollectCounters>, void, undefined>;
  /** Verifies snapshots, as `followVerification` describes. */
  verify(
    request: RemoteVerifyRequest,
    signal: AbortSignal,
  ): AsyncGenerator<RemoteVerifyEvent, void, undefined>;
  /** Removes the intent of another run, as `abandonRun` describes. */
  abandon(remote: string, run: string, signal: AbortSignal): Promise<void>;
}

/** `close` ends the running collections. */
export function maintainRemotes(
  parts: MaintenanceParts,
): RemoteMaintenance & { close(): Promise<void> } {
  const collections = new Collections(parts);
  const { clock, openRemote } = parts;
  return {
    remove: async ({ remote, ...request }, signal) => {
      using session = openRemote(remote, "remote");
      return await removeFromRemote(session, clock, request, signal);
    },
    verify: async function* (request, signal) {
      using session = openRemote(request.remote, "remote");
      yield* followVerification(session, parts.observer, request, signal);
    },
    collect: (request, signal) => collections.collect(request, signal),
    abandon: (remote, run, signal) => collections.abandon(remote, run, signal),
    close: () => collections.close(),
  };
}

type RunningCollection = FollowedRun<RemoteCollection, CollectCounters>;

const nothing: RemoteCollection = {
  ...{ packs: 0, packBytes: 0, maps: 0, snapshots: 0, broken: [], claims: 0, leftovers: 0 },
  young: { packs: 0, packBytes: 0, maps: 0 },
  claimed: { packs: 0, packBytes: 0, maps: 0 },
  ...{ otherRuns: [], more: false },
};

class Collections {
  readonly #parts: MaintenanceParts;
  /** The running collections by the name of their remote. */
  readonly #running = new Map<string, RunningCollection>();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  async *collect(request: RemoteCollectRequest, signal: AbortSignal) {
    using session = this.#parts.openRemote(request.remote, "remote");
    yield* followRun(this.#begin(session, request, signal), cancelled);
  }

  async abandon(remote: string, run: string, signal: AbortSignal): Promise<void> {
    using session = this.#parts.openRemote(remote, "remote");
    // The run may be the one that is collecting.
    this.#checkAlone(remote);
    const reader = await session.open(signal);
    if (reader !== undefined) await abandonRun(reader, run, signal);
  }

  async close(): Promise<void> {
    for (const { controller } of this.#running.values()) controller.abort(cancelled());
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #begin(
    session: RemoteSession,
    { remote, ...options }: RemoteCollectRequest,
    caller: AbortSignal,
  ): RunningCollection {
    this.#checkAlone(remote);
    const counters = collectCounters();
    const collect = async (signal: AbortSignal): Promise<RemoteCollection> => {
      const reader = await session.open(signal);
      if (reader === undefined) return nothing;
      return collectRemote({ ...reader, clock: this.#parts.clock, counters }, options, signal);
    };
    const run = startRun(counters, caller, collect, (reason, result = nothing) => {
      this.#running.delete(remote);
      if (options.dryRun) return;
      const { packs, packBytes, maps } = result;
      this.#parts.observer.collected(remote, reason, { objects: packs + maps, packBytes });
    });
    this.#running.set(remote, run);
    return run;
  }

  #checkAlone(remote: string): void {
    if (!this.#running.has(remote)) return;
    throw new StoreError(
      "OPERATION_IN_PROGRESS",
      `this daemon is collecting the garbage of the remote ${remote} already`,
      { hint: "Wait for it", metadata: { remote }, retryAfterMs: 1000 },
    );
  }
}

function cancelled(): StoreError {
  return new StoreError("CALL_CANCELLED", "the collection was cancelled", {
    hint: "Call again: the next collection finishes what this one has begun",
  });
}
