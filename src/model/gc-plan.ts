// Plans which snapshots a collection evicts and which leftovers it discards. The plan is a pure
// function of `GcInput`: it reads neither the store nor a clock.

/** All reasons: leftovers first, then expiry and the criteria of a policy, with their API names. */
export type GcReason =
  | "orphan"
  | "stale_pending"
  | "missing_directory"
  | "expired"
  | "keep_last"
  | "max_age"
  | "max_total_bytes"
  | "evict_all";

/**
 * The criteria of a collection. If no criterion is set, only expired snapshots are evicted. Several
 * criteria evict the union of their selections.
 */
export interface GcPolicy {
  /** Keep this many of the newest snapshots of each group, and evict the others. */
  readonly keepLast?: number | undefined;
  /** Evict snapshots whose last access is longer ago than this, in milliseconds. */
  readonly maxAgeMs?: number | undefined;
  /**
   * Evict the least recently accessed snapshots until the rest of the group is charged at most this
   * many bytes.
   */
  readonly maxTotalBytes?: number | undefined;
  /** Evict all snapshots. */
  readonly evictAll?: boolean | undefined;
  /**
   * A group consists of the snapshots with one value of this label. Snapshots without the label are
   * a group too.
   */
  readonly groupByLabel?: string | undefined;
  /**
   * If true, the caller asserts that the wall clock is right. In that case `maxAgeMs` and expiry
   * work even while the clock is suspect.
   */
  readonly trustClock?: boolean | undefined;
}

/** The properties of a stored snapshot that a collection needs. */
export interface GcSnapshot {
  readonly id: string;
  readonly name: string;
  /**
   * Both times are in milliseconds since 1970. A million of these objects must fit in memory, so
   * the times are not Dates.
   */
  readonly createdAtMs: number;
  readonly lastAccessedAtMs: number;
  /**
   * The stamp of the last use in elapsed time (model/elapsed.ts). Ages and the order of uses depend
   * on it, and it is independent of the wall clock.
   */
  readonly lastUsedMs: number;
  readonly chargedBytes: number;
  /**
   * The snapshot's value of the label by which the policy groups. Undefined if it does not have
   * that label.
   */
  readonly group: string | undefined;
  readonly protected: boolean;
  /**
   * The time when the snapshot expires, by the wall clock, in milliseconds since 1970. If it is
   * undefined, the snapshot does not expire.
   */
  readonly expiresAtMs?: number | undefined;
}

/** Something that does not belong in the store. */
export interface GcLeftover {
  readonly reason: "orphan" | "stale_pending" | "missing_directory";
  /** Id of the snapshot, or name of the directory. */
  readonly id: string;
  readonly name: string;
  readonly chargedBytes: number;
  /**
   * True if the leftover is the record of a protected snapshot whose directory is missing. The
   * store keeps such a record, and the record of a snapshot in use.
   */
  readonly protected?: boolean;
}

export interface GcRow {
  readonly id: string;
  readonly name: string;
  readonly chargedBytes: number;
  /** Undefined for leftovers. */
  readonly lastAccessedAt: Date | undefined;
  /** Undefined for leftovers. */
  readonly lastUsedMs: number | undefined;
  /** Every reason that applies. There is at least one. */
  readonly reasons: readonly GcReason[];
  readonly verdict: "remove" | "kept_in_use" | "kept_protected";
}

export interface GcInput {
  /** All snapshots. Planning is fastest if they are sorted newest first. */
  readonly snapshots: readonly GcSnapshot[];
  /** Ids of snapshots that somebody reads or holds a lease on. */
  readonly inUse: ReadonlySet<string>;
  readonly leftovers: readonly GcLeftover[];
  readonly policy: GcPolicy;
  /** Snapshots with a smaller stamp were last used longer ago than the policy's `maxAgeMs`. */
  readonly oldStampMs: number;
  /**
   * The wall clock's time. Undefined while that time is uncertain. In that case nothing expires.
   */
  readonly nowMs?: number | undefined;
}

/**
 * Yields the leftovers, then the snapshots that a reason applies to, the least recently used first.
 * The same input gives the same rows. The row of a snapshot is made when it is requested, so only
 * the positions of a million snapshots are kept.
 */
export function* planCollection(input: GcInput): Generator<GcRow, void, undefined> {
  const { snapshots, inUse, leftovers, policy, oldStampMs, nowMs } = input;
  const { keepLast, maxAgeMs, maxTotalBytes, evictAll, groupByLabel } = policy;
  const isKept = (one: GcSnapshot): boolean => one.protected || inUse.has(one.id);
  /** The reasons of each snapshot, by position. Each reason is one bit, as in `evictions`. */
  const found = new Uint8Array(snapshots.length);
  const add = (places: readonly number[], reason: EvictionReason): void => {
    const bit = 1 << evictions.indexOf(reason);
    for (const place of places) found[place] = (found[place] ?? 0) | bit;
  };
  for (const group of groupsOf(snapshots, groupByLabel)) {
    if (keepLast !== undefined) {
      // Protected snapshots and snapshots in use count among the newest.
      add(group.toSorted(by(newestFirst, snapshots)).slice(keepLast), "keep_last");
    }
    if (maxTotalBytes !== undefined) {
      const places = beyondTotal(snapshots, group, maxTotalBytes, isKept);
      add(places, "max_total_bytes");
    }
  }
  const all = Array.from(snapshots.keys());
  if (nowMs !== undefined) {
    const hasExpired = (place: number): boolean =>
      isPastExpiry(snapshots[place] as GcSnapshot, nowMs);
    add(all.filter(hasExpired), "expired");
  }
  if (maxAgeMs !== undefined) {
    const isOld = (place: number): boolean =>
      (snapshots[place] as GcSnapshot).lastUsedMs < oldStampMs;
    add(all.filter(isOld), "max_age");
  }
  if (evictAll === true) add(all, "evict_all");
  yield* leftovers
    .toSorted((a, b) => compareText(a.id, b.id))
    .map((one) => leftoverRow(one, inUse));
  const evicted = all.filter((place) => found[place] !== 0).sort(by(leastRecentFirst, snapshots));
  for (const place of evicted) {
    yield snapshotRow(snapshots[place] as GcSnapshot, found[place] ?? 0, inUse);
  }
}

function leftoverRow(leftover: GcLeftover, inUse: ReadonlySet<string>): GcRow {
  const { id, name, chargedBytes, reason } = leftover;
  const verdict = verdictOf({ id, protected: leftover.protected === true }, inUse);
  const never = { lastAccessedAt: undefined, lastUsedMs: undefined };
  return { id, name, chargedBytes, ...never, reasons: [reason], verdict };
}

function verdictOf(
  one: Pick<GcSnapshot, "id" | "protected">,
  inUse: ReadonlySet<string>,
): GcRow["verdict"] {
  return one.protected ? "kept_protected" : inUse.has(one.id) ? "kept_in_use" : "remove";
}

function snapshotRow(snapshot: GcSnapshot, bits: number, inUse: ReadonlySet<string>): GcRow {
  const { id, name, chargedBytes, lastAccessedAtMs, lastUsedMs } = snapshot;
  const verdict = verdictOf(snapshot, inUse);
  const reasons = evictions.filter((_, index) => (bits & (1 << index)) !== 0);
  const lastAccessedAt = new Date(lastAccessedAtMs);
  return { id, name, chargedBytes, lastAccessedAt, lastUsedMs, reasons, verdict };
}

/** Returns whether a snapshot has expired at this time. */
export function isPastExpiry(
  { expiresAtMs }: Pick<GcSnapshot, "expiresAtMs">,
  nowMs: number,
): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

const evictions = ["expired", "keep_last", "max_age", "max_total_bytes", "evict_all"] as const;
type EvictionReason = (typeof evictions)[number];

/** Returns positions in `snapshots`, one list per group. */
function groupsOf(
  snapshots: readonly GcSnapshot[],
  label: string | undefined,
): Iterable<readonly number[]> {
  if (label === undefined || label === "") return [Array.from(snapshots.keys())];
  // Snapshots without the label and those with an empty value are two groups.
  const groups = new Map<string | undefined, number[]>();
  for (const [place, snapshot] of snapshots.entries()) {
    const group = groups.get(snapshot.group);
    if (group === undefined) groups.set(snapshot.group, [place]);
    else group.push(place);
  }
  return groups.values();
}

/**
 * Returns the positions of the snapshots beyond the total. They include snapshots that must be
 * kept. These still take space, so others are evicted in their place.
 */
function beyondTotal(
  snapshots: readonly GcSnapshot[],
  group: readonly number[],
  maxTotalBytes: number,
  isKept: (one: GcSnapshot) => boolean,
): readonly number[] {
  const of = (place: number): GcSnapshot => snapshots[place] as GcSnapshot;
  let totalBytes = group.reduce((sum, place) => sum + of(place).chargedBytes, 0);
  if (totalBytes <= maxTotalBytes) return [];
  const found: number[] = [];
  for (const place of group.toSorted(by(leastRecentFirst, snapshots))) {
    if (totalBytes <= maxTotalBytes) break;
    found.push(place);
    if (!isKept(of(place))) totalBytes -= of(place).chargedBytes;
  }
  return found;
}

type Compare = (a: GcSnapshot, b: GcSnapshot) => number;

/**
 * Returns a function that compares positions in `snapshots` as `compare` compares the snapshots.
 */
function by(compare: Compare, snapshots: readonly GcSnapshot[]): (a: number, b: number) => number {
  return (a, b) => compare(snapshots[a] as GcSnapshot, snapshots[b] as GcSnapshot);
}

function newestFirst(a: GcSnapshot, b: GcSnapshot): number {
  return b.createdAtMs - a.createdAtMs || compareText(b.id, a.id);
}

function leastRecentFirst(a: GcSnapshot, b: GcSnapshot): number {
  return a.lastUsedMs - b.lastUsedMs || a.createdAtMs - b.createdAtMs || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
