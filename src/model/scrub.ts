// What is known of the background scrubs of a store.

export interface ScrubCounts {
  readonly startedAt: Date;
  /** Snapshots that were read, those with damage among them. */
  readonly snapshots: number;
  readonly bytes: number;
  readonly damaged: number;
  /** Snapshots that could not be read to the end; nothing is known of them. */
  readonly unreadable: number;
}

export interface ScrubState {
  /** The last one that came to its end. */
  readonly last?: (ScrubCounts & { readonly endedAt: Date }) | undefined;
  /** The one that was begun since. */
  readonly running?:
    (ScrubCounts & { /** Ids up to this one are done. */ readonly after: string }) | undefined;
}

/** Milliseconds until the next one is due. A clock that went back makes it wait no longer than that. */
export function scrubDueInMs({ last, running }: ScrubState, intervalMs: number, now: Date): number {
  if (running !== undefined || last === undefined) return 0;
  const sinceMs = Math.max(0, now.getTime() - last.endedAt.getTime());
  return Math.max(0, intervalMs - sinceMs);
}
