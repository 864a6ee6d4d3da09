// Stores the GC sessions of external orchestrators. After a restart, the catalog therefore knows
// that an earlier session has ended, and epochs never repeat.
import type { CatalogContext } from "./context.js";
import { sql } from "./sql.js";

interface GcSessionRecord {
  readonly sessionId: string;
  /** Grows with every session of this catalog. */
  readonly epoch: number;
  readonly owner: string;
}

export interface GcSessions {
  /** Records a new session under the next epoch. */
  insertGcSession(sessionId: string, owner: string): GcSessionRecord;
  findGcSession(sessionId: string): GcSessionRecord | undefined;
}

/** Maximum number of sessions that the catalog remembers, including the newest. */
const maxKnownSessions = 1000;

interface Row {
  readonly session_id: string;
  readonly epoch: number;
  readonly owner: string;
}

export function createGcSessions({ connection, clock }: CatalogContext): GcSessions {
  return {
    insertGcSession: (sessionId, owner) =>
      connection.write("cannot record the session", () => {
        const newest = connection.one<{ epoch: number }>(sql.newestGcEpoch);
        const epoch = (newest?.epoch ?? 0) + 1;
        const startedAt = clock.now().getTime();
        connection.run(sql.insertGcSession, { epoch, session_id: sessionId, owner, at: startedAt });
        connection.run(sql.trimGcSessions, { last: epoch - maxKnownSessions });
        return { sessionId, epoch, owner };
      }),
    findGcSession: (sessionId) => {
      const row = connection.one<Row>(sql.gcSessionById, { session_id: sessionId });
      return row && { sessionId: row.session_id, epoch: row.epoch, owner: row.owner };
    },
  };
}
