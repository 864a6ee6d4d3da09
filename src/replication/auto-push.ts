// Pushes the selected snapshots of this node to one remote, one at a time, and removes the copies
// that the policy does not keep. The catalog records each copy before and after its push, so that a
// restart continues.
import type { Clock } from "../base/clock.js";
import { isStoreError, reasonOfError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { KeepPolicy } from "../model/keep.js";
import type { RemoteCopy } from "../model/remote-copy.js";
import type { AutoPushFigures } from "../observe/figures.js";
import type { AutoPushObserver } from "../observe/ports.js";
import { deleteRemote } from "../remote/deletion.js";
import type { RemoteSession } from "../remote/session.js";
import { copyKey, planAutoPush, type AutoPushPlan } from "./auto-push-plan.js";
import { createSelection, type AutoPushFilter, type Selected } from "./auto-push-selection.js";
import type { AutoPushStore } from "./ports.js";
import type { PushedToRemote } from "./push-remote.js";
import type { Pushes } from "./pushes.js";

/** What the configuration says about the automatic pushes to one remote. */
export interface AutoPushTarget {
  /** Name of the remote. */
  readonly remote: string;
  readonly filter: AutoPushFilter;
  /** Undefined means that every copy stays. */
  readonly keep: KeepPolicy | undefined;
}

export interface AutoPushParts {
  readonly store: AutoPushStore;
  readonly pushes: Pick<Pushes, "push">;
  /** Opens a remote by name; `field` is the key of the configuration that names it. */
  readonly openRemote: (name: string, field: string) => RemoteSession;
  readonly clock: Clock;
  /** Resolves after this time, or when `signal` is aborted. Never rejects. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
  readonly observer: AutoPushObserver;
}

export interface AutoPush extends AsyncDisposable {
  figures(): AutoPushFigures;
}

const field = "remotes";
const firstRetryMs = 5000;
const longestRetryMs = 600_000;
/** A copy that another node depends on is looked at again after this time. */
const heldMs = 3_600_000;

/** Starts the automatic pushes to one remote. Disposing ends the running one. */
export function startAutoPush(target: AutoPushTarget, parts: AutoPushParts): AutoPush {
  return new RunningAutoPush(target, parts);
}

class RunningAutoPush implements AutoPush {
  readonly #target: AutoPushTarget;
  readonly #parts: AutoPushParts;
  readonly #selection: ReturnType<typeof createSelection>;
  readonly #ending = new AbortController();
  readonly #ended: Promise<unknown>;
  /** The remote's repository. Undefined until the object store has answered. */
  #repository: string | undefined;
  /** What is recorded of this remote, by `copyKey`. */
  #copies = new Map<string, RemoteCopy>();
  /** Snapshots and copies that wait until these monotonic times. */
  readonly #later = new Map<string, { readonly atMs: number; readonly failures: number }>();
  /** Failures of the remote, one after the other. */
  #failures = 0;
  #changed = new AbortController();

  constructor(target: AutoPushTarget, parts: AutoPushParts) {
    this.#target = target;
    this.#parts = parts;
    this.#selection = createSelection(parts.store, target.filter);
    this.#ended = Promise.all([this.#follow(), this.#work()]);
  }

  figures(): AutoPushFigures {
    const { pending } = this.#plan();
    const oldestMs = pending[0]?.createdAtMs;
    const nowMs = this.#parts.clock.now().getTime();
    const lagSeconds = oldestMs === undefined ? 0 : Math.max(0, nowMs - oldestMs) / 1000;
    const failing =
      this.#failures > 0 || pending.some(({ snapshotId }) => this.#later.has(snapshotId));
    return { remote: this.#target.remote, pending: pending.length, lagSeconds, failing };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("the automatic push ends"));
    await this.#ended;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#selection.follow(() => this.#changed.abort(), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log(error, "could not follow the snapshots for automatic pushes");
        await this.#parts.delay(firstRetryMs, signal);
      }
    }
  }

  async #work(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#changed = new AbortController();
      let waitMs: number;
      try {
        waitMs = await this.#step(signal);
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures += 1;
        waitMs = retryMs(this.#failures);
        this.#log(error, "an automatic push failed", { retryMs: waitMs });
        await this.#parts.delay(waitMs, signal);
        continue;
      }
      if (waitMs > 0) await this.#idle(waitMs, signal);
    }
  }

  /** Waits until the selection changes, for at most this time. */
  async #idle(ms: number, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#changed.signal]);
    await this.#parts.delay(ms, either);
  }

  #plan(): AutoPushPlan {
    const copies = [...this.#copies.values()];
    return planAutoPush(this.#selection.snapshots.values(), copies, this.#target.keep);
  }

  /**
   * Pushes one snapshot, or removes one copy. Returns how long to wait before the next step, unless
   * the selection changes. Throws what is wrong with the remote.
   */
  async #step(signal: AbortSignal): Promise<number> {
    if (this.#selection.snapshots.size === 0 && this.#repository === undefined) return heldMs;
    await this.#readCopies(signal);
    const { pending, surplus } = this.#plan();
    const next = pending.find(({ snapshotId }) => this.#isDue(snapshotId));
    if (next !== undefined) {
      await this.#push(next, signal);
      return 0;
    }
    const old = surplus.find(({ remoteId }) => this.#isDue(remoteId));
    if (old !== undefined) {
      await this.#remove(old, signal);
      return 0;
    }
    const nowMs = this.#parts.clock.monotonicMs();
    const waits = [
      ...pending.map(({ snapshotId }) => snapshotId),
      ...surplus.map(({ remoteId }) => remoteId),
    ]
      .flatMap((id) => this.#later.get(id) ?? [])
      .map(({ atMs }) => atMs - nowMs);
    return Math.max(1, Math.min(heldMs, ...waits));
  }

  /** Reads what is recorded of this remote, once its repository is known. */
  async #readCopies(signal: AbortSignal): Promise<void> {
    if (this.#repository !== undefined) return;
    using session = this.#parts.openRemote(this.#target.remote, field);
    const { repository } = await session.make(signal);
    this.#repository = repository.format.id;
    const copies = this.#parts.store.copies.at(this.#repository);
    this.#copies = new Map(copies.map((copy) => [copyKey(copy), copy]));
  }

  async #push(selected: Selected, signal: AbortSignal): Promise<void> {
    const { observer, logger } = this.#parts;
    const { remote } = this.#target;
    const { snapshotId, name, lineage, createdAtMs } = selected;
    // A push that has begun and has not ended may have stored the copy.
    const hadBegun = this.#copies.get(copyKey(selected))?.state === "begun";
    const copy = { repository: this.#repository ?? "", snapshotId, name, lineage, createdAtMs };
    await this.#record({ ...copy, remoteId: "", state: "begun" });
    try {
      const { snapshot, repository, isNew } = await this.#pushNow(snapshotId, signal);
      if (repository !== this.#repository) {
        this.#repository = undefined;
        return;
      }
      const state = isNew || hadBegun ? "pushed" : "found";
      await this.#record({ ...copy, remoteId: snapshot.id, state });
      this.#later.delete(snapshotId);
      observer.autoPushed(remote, "OK");
      logger.info({ remote, snapshotId, name, remoteId: snapshot.id }, "pushed automatically");
    } catch (error) {
      if (signal.aborted) throw error;
      observer.autoPushed(remote, reasonOfError(error));
      if (isOfRemote(error)) throw error;
      // The others must not wait for a snapshot that is damaged or not ready.
      this.#postpone(snapshotId);
      this.#log(error, "an automatic push failed", { snapshotId, name });
    }
  }

  async #pushNow(ref: string, signal: AbortSignal): Promise<PushedToRemote> {
    const request = { remote: this.#target.remote, ref, name: "", limitBytesPerSecond: 0 };
    let result: PushedToRemote | undefined;
    for await (const event of this.#parts.pushes.push(request, signal)) {
      if (event.kind === "result") ({ result } = event);
    }
    if (result === undefined) throw new Error("the push has no end");
    return result;
  }

  async #remove(copy: RemoteCopy, signal: AbortSignal): Promise<void> {
    const { clock, logger, observer, openRemote, store } = this.#parts;
    const { remote } = this.#target;
    using session = openRemote(remote, field);
    const reader = await session.make(signal);
    if (reader.repository.format.id !== copy.repository) {
      this.#repository = undefined;
      return;
    }
    const { outcome } = await deleteRemote({ ...reader, clock }, copy.remoteId, signal);
    observer.autoPushRemoved(remote, outcome);
    const { remoteId, name } = copy;
    if (outcome === "held") {
      this.#later.set(remoteId, { atMs: clock.monotonicMs() + heldMs, failures: 0 });
      logger.warn({ remote, remoteId, name }, "kept an old copy, on which a node depends");
      return;
    }
    await store.copies.drop(copy);
    this.#copies.delete(copyKey(copy));
    logger.info({ remote, remoteId, name }, "removed an old copy");
  }

  async #record(copy: RemoteCopy): Promise<void> {
    await this.#parts.store.copies.set(copy);
    this.#copies.set(copyKey(copy), copy);
  }

  #isDue(id: string): boolean {
    return (this.#later.get(id)?.atMs ?? 0) <= this.#parts.clock.monotonicMs();
  }

  #postpone(id: string): void {
    const failures = (this.#later.get(id)?.failures ?? 0) + 1;
    const atMs = this.#parts.clock.monotonicMs() + retryMs(failures);
    this.#later.set(id, { atMs, failures });
  }

  #log(error: unknown, text: string, more: object = {}): void {
    this.#parts.logger.warn({ err: error, remote: this.#target.remote, ...more }, text);
  }
}

function retryMs(failures: number): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1));
}

/** Returns whether the error would also fail the push of another snapshot. */
function isOfRemote(error: unknown): boolean {
  const reasons = ["REMOTE_UNREACHABLE", "REMOTE_REFUSED", "FIELD_INVALID"] as const;
  return reasons.some((reason) => isStoreError(error, reason));
}
