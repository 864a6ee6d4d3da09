// Tracks which calls use which snapshot. The daemon alone owns the store, so leases live in memory:
// they end with the call that holds them, and a crash ends all of them.
import { StoreError } from "../../base/errors.js";

/**
 * stream      reads through open descriptors: a deletion succeeds, but the bytes stay until it ends
 * directory   has the path of the data directory: a deletion must wait or be refused
 * background  the daemon's own work on the data: a deletion fires its signal and ends it
 */
export type LeaseKind = "stream" | "directory" | "background";

export interface Lease extends Disposable {
  readonly id: string;
  /** Fires when the holder must release its lease. Only background leases get this signal. */
  readonly signal: AbortSignal;
}

interface LeaseHolder {
  readonly kind: LeaseKind;
  readonly controller: AbortController;
}

export class LeaseTable {
  readonly #holders = new Map<string, Set<LeaseHolder>>();
  readonly #whenFree = new Map<string, (() => void)[]>();

  /**
   * Acquires a shared lease. In the same tick, the caller must check that the snapshot is ready.
   * Without an await in between, nothing can be deleted between the check and the lease.
   */
  share(id: string, kind: LeaseKind): Lease {
    const holder: LeaseHolder = { kind, controller: new AbortController() };
    const holders = this.#holders.get(id) ?? new Set<LeaseHolder>();
    this.#holders.set(id, holders);
    holders.add(holder);
    return {
      id,
      signal: holder.controller.signal,
      [Symbol.dispose]: () => {
        this.#release(id, holder);
      },
    };
  }

  /** Number of leases of this kind, or of all kinds. */
  count(id: string, kind?: LeaseKind): number {
    let count = 0;
    for (const holder of this.#holders.get(id) ?? []) {
      if (kind === undefined || holder.kind === kind) count += 1;
    }
    return count;
  }

  /** Number of leases of each kind on all snapshots. */
  totals(): Readonly<Record<LeaseKind, number>> {
    const totals = { stream: 0, directory: 0, background: 0 };
    for (const holders of this.#holders.values()) {
      for (const { kind } of holders) totals[kind] += 1;
    }
    return totals;
  }

  /** True while a caller reads it. The daemon's own background work does not count. */
  inUse(id: string): boolean {
    return this.count(id, "stream") + this.count(id, "directory") > 0;
  }

  /** True while a caller reads any snapshot through open descriptors. */
  someoneReads(): boolean {
    return [...this.#holders.keys()].some((id) => this.count(id, "stream") > 0);
  }

  /** Ids of all leased snapshots. */
  idsInUse(): ReadonlySet<string> {
    return new Set([...this.#holders.keys()].filter((id) => this.inUse(id)));
  }

  /** Ids of all that have a lease of any kind. */
  held(): string[] {
    return [...this.#holders.keys()];
  }

  /** Asks background work on the snapshot to release its leases. */
  interruptBackground(id: string): void {
    for (const holder of this.#holders.get(id) ?? []) {
      if (holder.kind !== "background") continue;
      holder.controller.abort(new StoreError("OPERATION_IN_PROGRESS", `${id} is being deleted`));
    }
  }

  /** Calls back once, when the last lease has ended. Calls back at once if no lease is held. */
  onFree(id: string, callback: () => void): void {
    if (!this.#holders.has(id)) {
      callback();
      return;
    }
    this.#whenFree.set(id, [...(this.#whenFree.get(id) ?? []), callback]);
  }

  #release(id: string, holder: LeaseHolder): void {
    const holders = this.#holders.get(id);
    if (holders?.delete(holder) !== true || holders.size > 0) return;
    this.#holders.delete(id);
    const callbacks = this.#whenFree.get(id) ?? [];
    this.#whenFree.delete(id);
    for (const callback of callbacks) callback();
  }
}
