// Returns the totals and the pinned blobs of the whole catalog, and checks the totals.
import { fieldInvalid } from "../base/errors.js";
import type { CatalogContext } from "./context.js";
import { walkRows } from "./records.js";
import { sql } from "./sql.js";

interface Totals {
  /** This field and the next two describe all ready snapshots. */
  readonly count: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Charged bytes of every snapshot that still takes space. */
  readonly chargedBytes: number;
}

export interface Sums {
  totals(): Totals;
  /**
   * Returns up to `limit` (1 to 10,000) image blobs above `after`, in order. These are the blobs of
   * ready and pending snapshots, and of replaced ones while somebody reads them.
   */
  listPinnedBlobs(after: string, limit: number): readonly string[];
  /** Returns the random name of this catalog. A rebuilt catalog gets a new one. */
  nodeId(): string;
  /** Checks the whole file. Returns the problems; empty if there are no problems. */
  checkIntegrity(): readonly string[];
}

const maxPinnedBlobs = 10_000;

export function createSums(context: CatalogContext): Sums {
  return {
    totals: () => totalsOf(context),
    listPinnedBlobs: (after, limit) => listPinnedBlobs(context, after, limit),
    nodeId: () => context.connection.one<{ node_id: string }>(sql.nodeId)?.node_id ?? "",
    checkIntegrity: () => checkIntegrity(context),
  };
}

interface TotalsRow {
  readonly ready_count: number;
  readonly size_bytes: number;
  readonly allocated_bytes: number;
  readonly charged_bytes: number;
}

export function totalsOf({ connection }: CatalogContext): Totals {
  const row = connection.one<TotalsRow>(sql.totals);
  return {
    count: row?.ready_count ?? 0,
    sizeBytes: row?.size_bytes ?? 0,
    allocatedBytes: row?.allocated_bytes ?? 0,
    chargedBytes: row?.charged_bytes ?? 0,
  };
}

/**
 * Lists pinned blobs with one seek per blob, so many snapshots of one image cost no more than one.
 */
function listPinnedBlobs(
  { connection }: CatalogContext,
  after: string,
  limit: number,
): readonly string[] {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPinnedBlobs) {
    throw fieldInvalid("pageSize", `1 to ${maxPinnedBlobs}`, limit);
  }
  const blobs: string[] = [];
  while (blobs.length < limit) {
    const next = connection.one<{ blob_id: string }>(sql.nextPinnedBlob, {
      after: blobs.at(-1) ?? after,
    });
    if (next === undefined) break;
    blobs.push(next.blob_id);
  }
  return blobs;
}

function checkIntegrity(context: CatalogContext): readonly string[] {
  const problems = context.connection.quickCheck();
  // Rows can be trusted, or even read, only if the file is sound.
  return problems.length > 0 ? problems : totalsProblems(context);
}

/** Reports where the totals that triggers maintain differ from the sums of the rows. */
export function totalsProblems(context: CatalogContext): string[] {
  const recorded = totalsOf(context);
  const found = sumRows(context);
  return (["count", "sizeBytes", "allocatedBytes", "chargedBytes"] as const)
    .filter((key) => recorded[key] !== found[key])
    .map((key) => {
      return `the total ${key} is recorded as ${recorded[key]}, the rows add up to ${found[key]}`;
    });
}

/** Returns the correct totals, for which it reads all rows. */
export function sumRows(context: CatalogContext): Totals {
  const found = { count: 0, sizeBytes: 0, allocatedBytes: 0, chargedBytes: 0 };
  for (const row of walkRows(context)) {
    found.chargedBytes += row.charged_bytes;
    if (row.state !== "ready") continue;
    found.count += 1;
    found.sizeBytes += row.size_bytes;
    found.allocatedBytes += row.allocated_bytes;
  }
  return found;
}
