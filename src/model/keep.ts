// Decides which copies of a lineage of snapshots stay at a remote.

/** The copies to keep: the union of both criteria. */
export interface KeepPolicy {
  /** Keep this many of the newest snapshots. */
  readonly last?: number | undefined;
  /** Of this many of the latest days (UTC) that have snapshots, keep the newest snapshot each. */
  readonly daily?: number | undefined;
}

interface KeepItem {
  readonly id: string;
  /** When the snapshot was created, in milliseconds since 1970. */
  readonly createdAtMs: number;
}

const dayMs = 24 * 3_600_000;

/**
 * Returns the ids that the policy keeps. A snapshot that is not kept among some items is not kept
 * among more items either.
 */
export function keptOf(
  items: readonly KeepItem[],
  { last = 0, daily = 0 }: KeepPolicy,
): Set<string> {
  const newestFirst = [...items].sort(
    (a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1),
  );
  const kept = new Set(newestFirst.slice(0, last).map(({ id }) => id));
  const days = new Set<number>();
  for (const { id, createdAtMs } of newestFirst) {
    const day = Math.floor(createdAtMs / dayMs);
    if (days.has(day)) continue;
    if (days.size === daily) break;
    days.add(day);
    kept.add(id);
  }
  return kept;
}
