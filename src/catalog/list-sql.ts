// Builds the statements of a listing. There is one statement for each shape of the filter, and each
// walks along one index.
import type { Params } from "./connection.js";
import type { ListFilter } from "./list-filter.js";
import type { Cursor } from "./page-token.js";
import { hostFactNames } from "../model/host-facts.js";
import { prefixRange } from "./name-range.js";
import { register, type Sql } from "./sql.js";

/** The properties that determine the text of the statements. Every other value is a parameter. */
export interface ListShape {
  readonly namePrefix: boolean;
  readonly image: boolean;
  readonly imageDigest: boolean;
  readonly hypervisor: boolean;
  readonly protected: boolean;
  /**
   * True if only damaged snapshots are listed, and false if only others are listed. Undefined if
   * both are listed.
   */
  readonly corrupt: boolean | undefined;
  readonly expiring: boolean;
  readonly host: boolean;
  readonly labelCount: number;
}

interface ListStatements {
  /** Selects the ids of one page, newest first. */
  readonly page: Sql;
  /** Counts the snapshots that match. */
  readonly count: Sql;
}

/** Columns that are compared for equality, the most selective first, each with its index. */
const equalColumns = {
  imageDigest: { column: "image_digest", index: "ready_by_image_digest" },
  image: { column: "image", index: "ready_by_image" },
  hypervisor: { column: "hypervisor", index: "ready_by_hypervisor" },
  protected: { column: "protected", index: "ready_by_protected" },
} as const;

const earliestMs = -8.64e15;
const latestMs = 8.64e15;

export function shapeOf(filter: ListFilter): ListShape {
  return {
    namePrefix: filter.namePrefix !== undefined,
    image: filter.image !== undefined,
    imageDigest: filter.imageDigest !== undefined,
    hypervisor: filter.hypervisor !== undefined,
    protected: filter.protected !== undefined,
    corrupt: filter.corrupt,
    expiring: filter.expiresBefore !== undefined,
    host: filter.host !== undefined,
    labelCount: Object.keys(filter.labels ?? {}).length,
  };
}

export type Label = readonly [key: string, value: string];

/**
 * Returns the parameters of a statement. `labels` are those of the filter. The statement walks the
 * first label, so the first one should be the rarest. `after` is the last row of the previous page.
 * Without `after`, the parameters fit the first page and the count.
 */
export function listParams(
  filter: ListFilter,
  labels: readonly Label[],
  after: Cursor | undefined,
): Params {
  const params: Record<string, string | number> = {
    since: filter.createdAfter?.getTime() ?? earliestMs,
    ...upperBound(filter, after),
  };
  if (filter.namePrefix !== undefined) Object.assign(params, prefixRange(filter.namePrefix));
  if (filter.image !== undefined) params["image"] = filter.image;
  if (filter.imageDigest !== undefined) params["imageDigest"] = filter.imageDigest;
  if (filter.hypervisor !== undefined) params["hypervisor"] = filter.hypervisor;
  const { expiresBefore } = filter;
  if (expiresBefore !== undefined) params["expiresBefore"] = expiresBefore.getTime();
  if (filter.host !== undefined) {
    for (const name of hostFactNames) params[name] = filter.host[name] ?? "";
  }
  if (filter.protected !== undefined) params["protected"] = filter.protected ? 1 : 0;
  for (const [index, [key, value]] of labels.entries()) {
    params[`key${index}`] = key;
    params[`value${index}`] = value;
  }
  return params;
}

/**
 * Returns the position before which the walk begins: the cursor or `createdBefore`, whichever is
 * earlier. No id is empty, so an empty `beforeId` excludes the whole instant.
 */
function upperBound(
  { createdBefore }: ListFilter,
  after: Cursor | undefined,
): { beforeMs: number; beforeId: string } {
  const beforeMs = createdBefore?.getTime() ?? latestMs + 1;
  if (after === undefined || beforeMs <= after.createdAtMs) return { beforeMs, beforeId: "" };
  return { beforeMs: after.createdAtMs, beforeId: after.id };
}

export function listStatements(shape: ListShape): ListStatements {
  const { source, createdAt, id } = shape.labelCount > 0 ? labelWalk(shape) : tableWalk(shape);
  return {
    page: register(
      `SELECT ${id} AS id, ${createdAt} AS created_at ${source}
       ORDER BY ${createdAt} DESC, ${id} DESC LIMIT :limit`,
    ),
    count: register(`SELECT count(*) AS matches ${source}`),
  };
}

interface Walk {
  readonly source: string;
  /** The columns of the walked index that define the order. */
  readonly createdAt: string;
  readonly id: string;
}

function tableWalk(shape: ListShape): Walk {
  const conditions = [
    "s.state = 'ready'",
    ...columnConditions(shape),
    ...range("s.created_at", "s.id"),
  ];
  return {
    source: `FROM snapshots s INDEXED BY ${chooseIndex(shape)} WHERE ${conditions.join(" AND ")}`,
    createdAt: "s.created_at",
    id: "s.id",
  };
}

/**
 * Returns the walk along the first label; the statement probes the other labels. Label rows exist
 * only for ready snapshots.
 */
function labelWalk(shape: ListShape): Walk {
  const conditions = [
    "l.key = :key0",
    "l.value = :value0",
    ...range("l.created_at", "l.snapshot_id"),
  ];
  for (let label = 1; label < shape.labelCount; label++) {
    // We do not use EXISTS, because SQLite turns it into a join and takes seconds to plan a join of
    // 64 tables.
    conditions.push(`1 = (SELECT 1 FROM snapshot_labels o WHERE o.key = :key${label}
      AND o.value = :value${label} AND o.created_at = l.created_at
      AND o.snapshot_id = l.snapshot_id)`);
  }
  const onColumns = columnConditions(shape);
  conditions.push(...onColumns);
  return {
    // CROSS JOIN fixes the order of the loops (https://sqlite.org/optoverview.html#crossjoin).
    source: `FROM snapshot_labels l
      ${onColumns.length === 0 ? "" : "CROSS JOIN snapshots s ON s.id = l.snapshot_id"}
      WHERE ${conditions.join(" AND ")}`,
    createdAt: "l.created_at",
    id: "l.snapshot_id",
  };
}

function columnConditions(shape: ListShape): string[] {
  const conditions = [];
  for (const [key, { column }] of Object.entries(equalColumns)) {
    if (shape[key as keyof typeof equalColumns]) conditions.push(`s.${column} = :${key}`);
  }
  // The value is a literal, because SQLite uses a partial index only if the statement has the
  // value.
  if (shape.corrupt !== undefined) conditions.push(`s.corrupt = ${shape.corrupt ? 1 : 0}`);
  if (shape.expiring) {
    conditions.push("s.expires_at IS NOT NULL AND s.expires_at < :expiresBefore");
  }
  if (shape.host) conditions.push(...hostConditions);
  if (shape.namePrefix) conditions.push("s.name >= :prefix AND s.name < :prefixEnd");
  return conditions;
}

/** One text serves every choice of facts: an empty parameter matches all snapshots. */
const hostConditions = hostFactNames.map(
  (name) => `(:${name} = '' OR json_extract(s.config, '$.host.${name}') = :${name})`,
);

function range(createdAt: string, id: string): string[] {
  return [`${createdAt} >= :since`, `(${createdAt}, ${id}) < (:beforeMs, :beforeId)`];
}

function chooseIndex(shape: ListShape): string {
  if (shape.corrupt === true) return "ready_corrupt";
  if (shape.expiring) return "ready_expiring";
  if (shape.imageDigest) return equalColumns.imageDigest.index;
  if (shape.image) return equalColumns.image.index;
  // With this index, SQLite sorts the names with the prefix by age in memory, which is fast because
  // they are few.
  if (shape.namePrefix) return "by_state_name";
  if (shape.hypervisor) return equalColumns.hypervisor.index;
  if (shape.protected) return equalColumns.protected.index;
  return "ready_by_age";
}
