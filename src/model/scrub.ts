// Describes the state of a store's background scrubs.

export interface ScrubCounts {
  readonly startedAt: Date;
  /** Snapshots that were read, including snapshots with damage. */
  readonly snapshots: number;
  readonly bytes: number;
  readonly damaged: number;
  /** Snapshots that could not be read completely. Their state is unknown. */
  readonly unreadable: number;
}

export interface ScrubState {
  /** The last complete scrub. */
  readonly last?: (ScrubCounts & { readonly endedAt: Date }) | undefined;
  /** The running scrub. */
  readonly running?:
    (ScrubCounts & { /** Ids up to this one are done. */ readonly after: string }) | undefined;
}

/**
 * Returns the milliseconds until the next scrub is due. The result is at most one interval, even if
 * the clock went back.
 */
export function scrubDueInMs({ last, running }: ScrubState, intervalMs: number, now: Date): number {
  if (running !== undefined || last === undefined) return 0;
  const sinceMs = Math.max(0, now.getTime() - last.endedAt.getTime());
  return Math.max(0, intervalMs - sinceMs);
}
