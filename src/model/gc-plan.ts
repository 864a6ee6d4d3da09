// Which snapshots and leftovers a collection would remove: a pure function of what the store holds,
// the policy and the time.

/** Leftovers first, then the criteria of a policy, as the API names them. */
export type GcReason =
  | "orphan"
  | "stale_pending"
  | "missing_directory"
  | "keep_last"
  | "max_age"
  | "max_total_bytes"
  | "evict_all";

/** Nothing set: nothing is evicted. Several criteria evict the union of what each one evicts. */
export interface GcPolicy {
  /** Keep this many of the newest of each group, evict the others. */
  readonly keepLast?: number | undefined;
  /** Evict what was last accessed longer ago, in milliseconds. */
  readonly maxAgeMs?: number | undefined;
  /** Evict the least recently accessed until the rest of its group takes at most this on disk. */
  readonly maxTotalBytes?: number | undefined;
  /** Evict all. */
  readonly evictAll?: boolean | undefined;
  /** Groups are the snapshots with one value of this label; those without it are a group too. */
  readonly groupByLabel?: string | undefined;
}

/** A stored snapshot, as far as a collection cares. */
export interface GcSnapshot {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastAccessedAt: Date;
  readonly allocatedBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly protected: boolean;
  /** Somebody reads it, or has its directory open. */
  readonly inUse: boolean;
}

/** What should not be in the store. */
export interface GcLeftover {
  readonly reason: "orphan" | "stale_pending" | "missing_directory";
  /** Id of the snapshot, or name of the directory. */
  readonly id: string;
  readonly name: string;
  readonly allocatedBytes: number;
}

export interface GcRow {
  readonly id: string;
  readonly name: string;
  readonly allocatedBytes: number;
  /** Undefined for leftovers. */
  readonly lastAccessedAt: Date | undefined;
  /** Every one that holds, at least one. */
  readonly reasons: readonly GcReason[];
  readonly verdict: "remove" | "kept_in_use" | "kept_protected";
}

export interface GcInput {
  readonly snapshots: readonly GcSnapshot[];
  readonly leftovers: readonly GcLeftover[];
  readonly policy: GcPolicy;
  readonly now: Date;
}

/** Leftovers, then snapshots, the least recently accessed first. The same input, the same rows. */
export function planCollection({ snapshots, leftovers, policy, now }: GcInput): GcRow[] {
  const reasons = new Map<string, GcReason[]>();
  const add = (found: Iterable<GcSnapshot>, reason: GcReason): void => {
    for (const { id } of found) reasons.set(id, [...(reasons.get(id) ?? []), reason]);
  };
  for (const group of groupsOf(snapshots, policy.groupByLabel)) {
    if (policy.keepLast !== undefined) add(beyondLast(group, policy.keepLast), "keep_last");
    if (policy.maxTotalBytes !== undefined) {
      add(beyondTotal(group, policy.maxTotalBytes), "max_total_bytes");
    }
  }
  const { maxAgeMs } = policy;
  if (maxAgeMs !== undefined) {
    add(
      snapshots.filter(({ lastAccessedAt }) => now.getTime() - lastAccessedAt.getTime() > maxAgeMs),
      "max_age",
    );
  }
  if (policy.evictAll === true) add(snapshots, "evict_all");
  return [
    ...[...leftovers].sort((a, b) => compareText(a.id, b.id)).map(leftoverRow),
    ...[...snapshots]
      .sort(leastRecentFirst)
      .flatMap((snapshot) => snapshotRow(snapshot, reasons.get(snapshot.id))),
  ];
}

function leftoverRow({ id, name, allocatedBytes, reason }: GcLeftover): GcRow {
  const reasons = [reason];
  return { id, name, allocatedBytes, lastAccessedAt: undefined, reasons, verdict: "remove" };
}

function snapshotRow(snapshot: GcSnapshot, found: readonly GcReason[] | undefined): GcRow[] {
  if (found === undefined) return [];
  const { id, name, allocatedBytes, lastAccessedAt } = snapshot;
  const verdict = snapshot.protected ? "kept_protected" : snapshot.inUse ? "kept_in_use" : "remove";
  const reasons = [...found].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return [{ id, name, allocatedBytes, lastAccessedAt, reasons, verdict }];
}

const order: readonly GcReason[] = ["keep_last", "max_age", "max_total_bytes", "evict_all"];

function groupsOf(
  snapshots: readonly GcSnapshot[],
  label: string | undefined,
): Iterable<readonly GcSnapshot[]> {
  if (label === undefined || label === "") return [snapshots];
  // A missing label and an empty value are two groups.
  const groups = new Map<string | undefined, GcSnapshot[]>();
  for (const snapshot of snapshots) {
    const value = Object.hasOwn(snapshot.labels, label) ? snapshot.labels[label] : undefined;
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [snapshot]);
    else group.push(snapshot);
  }
  return groups.values();
}

/** Protected ones and those in use count among the newest. */
function beyondLast(group: readonly GcSnapshot[], keepLast: number): readonly GcSnapshot[] {
  return [...group].sort(newestFirst).slice(keepLast);
}

/** What must be kept still takes its space, so others have to go for it. */
function beyondTotal(group: readonly GcSnapshot[], maxTotalBytes: number): GcSnapshot[] {
  let totalBytes = group.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const found: GcSnapshot[] = [];
  for (const snapshot of [...group].sort(leastRecentFirst)) {
    if (totalBytes <= maxTotalBytes) break;
    found.push(snapshot);
    if (!snapshot.protected && !snapshot.inUse) totalBytes -= snapshot.allocatedBytes;
  }
  return found;
}

function newestFirst(a: GcSnapshot, b: GcSnapshot): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || compareText(b.id, a.id);
}

function leastRecentFirst(a: GcSnapshot, b: GcSnapshot): number {
  return (
    a.lastAccessedAt.getTime() - b.lastAccessedAt.getTime() ||
    a.createdAt.getTime() - b.createdAt.getTime() ||
    compareText(a.id, b.id)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
