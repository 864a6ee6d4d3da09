// Records last-access times in memory and writes them in batches, so that no read waits for the
// disk.
import type { Connection } from "./connection.js";
import { sql } from "./sql.js";
import type { StampingClock } from "./store-clock.js";

export interface AccessTime {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** A stamp of the store's clock, which orders the accesses and from which ages are counted. */
  readonly usedMs: number;
}

export interface Accesses {
  recordAccess(id: string, when: Date): void;
  /** Writes the recorded accesses in one transaction. If that fails, they stay recorded. */
  flushAccesses(): void;
  /** Returns the last access that is not written yet, or zeros if every access is written. */
  unwrittenAccess(id: string): AccessTime;
  /**
   * Forgets the access of a snapshot. Call this when the snapshot is deleted, evicted or taken, so
   * that its access is not written any more.
   */
  forgetAccess(id: string): void;
}

const noAccess: AccessTime = { atMs: 0, usedMs: 0 };

export function createAccesses(connection: Connection, storeClock: StampingClock): Accesses {
  const unwritten = new Map<string, AccessTime>();
  return {
    recordAccess: (id, when) => {
      const { atMs } = unwritten.get(id) ?? noAccess;
      const usedMs = storeClock.nextStamp();
      unwritten.set(id, { atMs: Math.max(atMs, when.getTime()), usedMs });
    },
    flushAccesses: () => {
      if (unwritten.size === 0) return;
      connection.write("cannot record accesses", () => {
        for (const [id, { atMs, usedMs }] of unwritten) {
          connection.run(sql.touch, { id, at: atMs, used: usedMs });
        }
        storeClock.save();
      });
      unwritten.clear();
    },
    unwrittenAccess: (id) => unwritten.get(id) ?? noAccess,
    forgetAccess: (id) => {
      unwritten.delete(id);
    },
  };
}
