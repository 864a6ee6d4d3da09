// Reads ready snapshots in outline: only the few columns by which a view sorts and searches. The
// reads are short, so that a view of a hundred thousand snapshots can be made without delaying
// other work.
import type { Snapshot } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { prefixRange } from "./name-range.js";
import { getListed } from "./records.js";
import { sql } from "./sql.js";

export interface OutlineRow {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly lastAccessedAtMs: number;
  readonly sizeBytes: number;
  readonly chargedBytes: number;
  readonly corrupt: boolean;
}

export interface OutlinePart {
  readonly rows: readonly OutlineRow[];
  /**
   * The row after which the next part begins. Undefined at the end. Callers of the daemon must not
   * see this row, because it may not match the prefix.
   */
  readonly next: OutlineRow | undefined;
}

/** Selects the snapshots to walk. With a label, `namePrefix` does not make the walk shorter. */
export interface OutlineWalk {
  readonly namePrefix?: string;
  readonly label?: readonly [key: string, value: string];
  /** The value of `next` of the previous part. */
  readonly after?: OutlineRow | undefined;
  readonly limit: number;
}

export interface Outline {
  /**
   * Returns the next rows: in the order of names if only a prefix is given, and otherwise newest
   * first.
   */
  outline(walk: OutlineWalk): OutlinePart;
  /**
   * Returns a snapshot as listings show it, without its files, or undefined unless the snapshot is
   * ready.
   */
  listed(id: string): Snapshot | undefined;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly created_at: number;
  readonly last_accessed_at: number;
  readonly size_bytes: number;
  readonly charged_bytes: number;
  readonly corrupt: number;
}

export function createOutline(context: CatalogContext): Outline {
  const { connection, accesses } = context;
  const fromRow = (row: Row): OutlineRow => ({
    id: row.id,
    name: row.name,
    createdAtMs: row.created_at,
    lastAccessedAtMs: Math.max(row.last_accessed_at, accesses.unwrittenAccess(row.id).atMs),
    sizeBytes: row.size_bytes,
    chargedBytes: row.charged_bytes,
    corrupt: row.corrupt === 1,
  });
  return {
    outline: (walk) => {
      const all = read(connection, walk).map(fromRow);
      const { namePrefix = "", label, limit } = walk;
      const rows =
        label === undefined ? all : all.filter(({ name }) => name.startsWith(namePrefix));
      return { rows, next: all.length < limit ? undefined : all.at(-1) };
    },
    listed: (id) => {
      const snapshot = getListed(context, id);
      return snapshot?.state === "ready" ? snapshot : undefined;
    },
  };
}

function read(
  connection: CatalogContext["connection"],
  { namePrefix = "", label, after, limit }: OutlineWalk,
): Row[] {
  const newest = { created_at: after?.createdAtMs ?? Number.MAX_SAFE_INTEGER, id: after?.id ?? "" };
  if (label !== undefined) {
    const [key, value] = label;
    return connection.all<Row>(sql.outlineByLabel, { key, value, ...newest, limit });
  }
  if (namePrefix === "") return connection.all<Row>(sql.outlineByAge, { ...newest, limit });
  const range = prefixRange(namePrefix);
  // The names of ready snapshots are unique, so the name alone is the position.
  const params = { ...range, after: after?.name ?? "", limit };
  return connection.all<Row>(sql.outlineByName, params);
}
