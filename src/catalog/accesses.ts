// Last accesses: kept in memory and written in batches, so that no read waits for the disk.
import type { Connection } from "./connection.js";
import { sql } from "./sql.js";

export interface AccessLog {
  recordAccess(id: string, when: Date): void;
  /** Writes what has been recorded, in one transaction; on an error it stays recorded. */
  flushAccesses(): void;
  /** Milliseconds since 1970 of the last access not yet written; 0 if there is none. */
  unwrittenAccessMs(id: string): number;
  /** The snapshot is gone: its access would never find its row. */
  forgetAccess(id: string): void;
}

export function createAccessLog(connection: Connection): AccessLog {
  const unwritten = new Map<string, number>();
  return {
    recordAccess: (id, when) => {
      unwritten.set(id, Math.max(unwritten.get(id) ?? 0, when.getTime()));
    },
    flushAccesses: () => {
      if (unwritten.size === 0) return;
      connection.write("cannot record accesses", () => {
        for (const [id, at] of unwritten) connection.run(sql.touch, { id, at });
      });
      unwritten.clear();
    },
    unwrittenAccessMs: (id) => unwritten.get(id) ?? 0,
    forgetAccess: (id) => {
      unwritten.delete(id);
    },
  };
}
