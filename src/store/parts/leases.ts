// Tracks which calls use which snapshot. The daemon alone owns the store, so leases live in memory:
// they end with the call that holds them, and a crash ends all of them.
import { untilWoken } from "../../base/async.js";
import { StoreError } from "../../base/errors.js";

/**
 * stream      reads through open descriptors: after a deletion, the bytes stay until the lease ends
 * directory   has the path of the data directory: a deletion must wait or be refused
 * background  is the daemon's own work on the data: a deletion fires its signal and ends it
 */
export type LeaseKind = "stream" | "directory" | "background";

interface Lease extends Disposable {
  readonly id: string;
  /** Fires when the holder must release its lease. Only background leases get this signal. */
  readonly signal: AbortSignal;
}

/** While this lease lasts, nobody else can acquire a lease, and the snapshot must not change. */
export interface ExclusiveLease extends Disposable {
  readonly id: string;
  /** Resolves when background work has released its leases. */
  alone(signal: AbortSignal): Promise<void>;
}

interface LeaseHolder {
  readonly kind: LeaseKind | "exclusive";
  /** The call or the work that holds the lease, for messages. */
  readonly user: string;
  readonly controller: AbortController;
}

export class LeaseTable {
  readonly #holders = new Map<string, Set<LeaseHolder>>();
  readonly #whenFree = new Map<string, (() => void)[]>();
  readonly #waitingAlone = new Map<string, Set<() => void>>();

  /**
   * Acquires a shared lease for `user`, the call or the work that needs it. In the same tick, the
   * caller must check that the snapshot is ready. Without an await in between, nothing can be
   * deleted between the check and the lease. Throws OPERATION_IN_PROGRESS while an exclusive lease
   * is held.
   */
  share(id: string, kind: LeaseKind, user: string): Lease {
    this.refuseIfExclusive(id);
    const holder = this.#add(id, kind, user);
    return {
      id,
      signal: holder.controller.signal,
      [Symbol.dispose]: () => {
        this.#release(id, holder);
      },
    };
  }

  /**
   * Acquires the exclusive lease and asks background work to release its leases. In the same tick,
   * the caller must check that no caller holds a lease (`users`).
   */
  exclude(id: string, user: string): ExclusiveLease {
    this.refuseIfExclusive(id);
    const holder = this.#add(id, "exclusive", user);
    this.interruptBackground(id);
    return {
      id,
      alone: (signal) => this.#untilAlone(id, signal),
      [Symbol.dispose]: () => {
        this.#release(id, holder);
      },
    };
  }

  /** Throws OPERATION_IN_PROGRESS while an exclusive lease on the snapshot is held. */
  refuseIfExclusive(id: string): void {
    if (!this.isExclusive(id)) return;
    throw new StoreError("OPERATION_IN_PROGRESS", `snapshot ${id} is being moved to a directory`, {
      hint: "Try again: afterwards the snapshot is gone, or it can be used as before",
      resource: { type: "snapshot", name: id },
      metadata: { snapshot_id: id },
      retryAfterMs: 1000,
    });
  }

  isExclusive(id: string): boolean {
    return this.#heldBy(id).some(({ kind }) => kind === "exclusive");
  }

  /** Returns the calls that read the snapshot, each with the number of its leases. */
  users(id: string): ReadonlyMap<string, number> {
    const users = new Map<string, number>();
    for (const { kind, user } of this.#heldBy(id)) {
      if (kind !== "background") users.set(user, (users.get(user) ?? 0) + 1);
    }
    return users;
  }

  /** Returns true while the directory must stay in its place. */
  isKeptInPlace(id: string): boolean {
    return this.count(id, "directory") > 0 || this.isExclusive(id);
  }

  /** Returns the number of leases of this kind, or of all kinds. */
  count(id: string, kind?: LeaseKind): number {
    return this.#heldBy(id).filter((holder) => kind === undefined || holder.kind === kind).length;
  }

  /** Returns the number of leases of each kind on all snapshots. */
  totals(): Readonly<Record<LeaseHolder["kind"], number>> {
    const totals = { stream: 0, directory: 0, background: 0, exclusive: 0 };
    for (const holders of this.#holders.values()) {
      for (const { kind } of holders) totals[kind] += 1;
    }
    return totals;
  }

  /**
   * Returns true while a caller uses the snapshot. The daemon's own background work does not count.
   */
  inUse(id: string): boolean {
    return this.#heldBy(id).some(({ kind }) => kind !== "background");
  }

  /** Returns true while a caller reads any snapshot through open descriptors. */
  someoneReads(): boolean {
    return [...this.#holders.keys()].some((id) => this.count(id, "stream") > 0);
  }

  /** Returns the ids of all snapshots that are in use, as `inUse` defines it. */
  idsInUse(): ReadonlySet<string> {
    return new Set([...this.#holders.keys()].filter((id) => this.inUse(id)));
  }

  /** Returns the ids of all snapshots that have a lease of any kind, exclusive leases included. */
  held(): string[] {
    return [...this.#holders.keys()];
  }

  /** Asks background work on the snapshot to release its leases. */
  interruptBackground(id: string): void {
    for (const holder of this.#heldBy(id)) {
      if (holder.kind !== "background") continue;
      holder.controller.abort(new StoreError("OPERATION_IN_PROGRESS", `${id} is being removed`));
    }
  }

  /** Calls `callback` once, when the last lease has ended, or at once if no lease is held. */
  onFree(id: string, callback: () => void): void {
    if (!this.#holders.has(id)) {
      callback();
      return;
    }
    this.#whenFree.set(id, [...(this.#whenFree.get(id) ?? []), callback]);
  }

  #heldBy(id: string): readonly LeaseHolder[] {
    return [...(this.#holders.get(id) ?? [])];
  }

  #add(id: string, kind: LeaseHolder["kind"], user: string): LeaseHolder {
    const holder = { kind, user, controller: new AbortController() };
    const holders = this.#holders.get(id) ?? new Set<LeaseHolder>();
    this.#holders.set(id, holders);
    holders.add(holder);
    return holder;
  }

  async #untilAlone(id: string, signal: AbortSignal): Promise<void> {
    const waiting = new Set<() => void>();
    this.#waitingAlone.set(id, waiting);
    try {
      while (this.count(id) > 1) await untilWoken(waiting, signal);
    } finally {
      this.#waitingAlone.delete(id);
    }
  }

  #release(id: string, holder: LeaseHolder): void {
    const holders = this.#holders.get(id);
    if (holders?.delete(holder) !== true) return;
    for (const wake of [...(this.#waitingAlone.get(id) ?? [])]) wake();
    if (holders.size > 0) return;
    this.#holders.delete(id);
    const callbacks = this.#whenFree.get(id) ?? [];
    this.#whenFree.delete(id);
    for (const callback of callbacks) callback();
  }
}
