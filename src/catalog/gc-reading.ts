// Reads ready snapshots for a collection: few columns, in pages, so that a plan can cover a million
// snapshots.
import type { GcSnapshot } from "../model/gc-plan.js";
import type { CatalogContext } from "./context.js";
import { sql } from "./sql.js";

/** The last row of a page; undefined before the first page. */
type GcCursor = Pick<GcSnapshot, "createdAtMs" | "id">;

export interface GcReading {
  /**
   * Returns up to `limit` ready snapshots, newest first. The value of the label `label` becomes the
   * group of a snapshot. An empty `label` means no groups.
   */
  gcPage(label: string, after: GcCursor | undefined, limit: number): readonly GcSnapshot[];
  /** Returns one snapshot in the same form, or undefined unless the snapshot is ready. */
  gcSnapshot(label: string, id: string): GcSnapshot | undefined;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly created_at: number;
  readonly last_accessed_at: number;
  readonly used_ms: number;
  readonly charged_bytes: number;
  readonly protected: number;
  readonly expires_at: number | null;
  readonly group_value: string | null;
}

const beforeAll: GcCursor = { createdAtMs: Number.MAX_SAFE_INTEGER, id: "" };

export function createGcReading({ connection, accesses }: CatalogContext): GcReading {
  const fromRow = (row: Row): GcSnapshot => {
    const { atMs, usedMs } = accesses.unwrittenAccess(row.id);
    return {
      id: row.id,
      name: row.name,
      createdAtMs: row.created_at,
      lastAccessedAtMs: Math.max(row.last_accessed_at, atMs),
      lastUsedMs: Math.max(row.used_ms, usedMs),
      chargedBytes: row.charged_bytes,
      group: row.group_value ?? undefined,
      protected: row.protected === 1,
      expiresAtMs: row.expires_at ?? undefined,
    };
  };
  return {
    gcPage: (label, after = beforeAll, limit) => {
      const { createdAtMs, id } = after;
      const key = { label, created_at: createdAtMs, id, limit };
      return connection.all<Row>(sql.gcPage, key).map(fromRow);
    },
    gcSnapshot: (label, id) => {
      const row = connection.one<Row>(sql.gcRowById, { label, id });
      return row && fromRow(row);
    },
  };
}
