// Returns pages of ready snapshots, newest first.
import { fieldInvalid } from "../base/errors.js";
import { maxPageSize } from "../model/page-size.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { type ListFilter } from "./list-filter.js";
import { listParams, listStatements, shapeOf, type Label } from "./list-sql.js";
import { decodePageToken, encodePageToken } from "./page-token.js";
import { getListed } from "./records.js";
import { sql } from "./sql.js";
import { totalsOf } from "./totals.js";

export interface ListQuery {
  /** Maximum snapshots of the page, from 1 to 1000. */
  readonly pageSize: number;
  /** Empty or missing for the first page, and otherwise `nextPageToken` of the previous page. */
  readonly pageToken?: string;
  readonly filter?: ListFilter;
}

export interface ListPage {
  /** The snapshots of the page without their files. */
  readonly snapshots: readonly Snapshot[];
  /** The token of the next page. Empty on the last page. */
  readonly nextPageToken: string;
  /** Number of snapshots on all pages that match the filter at this moment. */
  readonly totalSize: number;
}

export interface Listing {
  list(query: ListQuery): ListPage;
}

/**
 * A page ends early when the JSON of its configurations has reached this number of bytes. A
 * configuration may be large (a mebibyte with the longest list of image blob ids), and gRPC clients
 * accept messages of 4 MiB by default.
 */
const maxPageBytes = 2 * 1024 * 1024;
/** A label with at most this many snapshots is rare: walking all of them costs almost nothing. */
const rareLabelCount = 500;

export function createListing(context: CatalogContext): Listing {
  return { list: (query) => list(context, query) };
}

function list(context: CatalogContext, query: ListQuery): ListPage {
  const { pageSize, pageToken = "" } = query;
  const filter = withoutEmpty(query.filter ?? {});
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > maxPageSize) {
    throw fieldInvalid("pageSize", `1 to ${maxPageSize}`, pageSize);
  }
  const after = pageToken === "" ? undefined : decodePageToken(pageToken, filter);
  const statements = listStatements(shapeOf(filter));
  const labels = rareFirst(context, Object.entries(filter.labels ?? {}));
  const keys = context.connection.all<{ id: string; created_at: number }>(statements.page, {
    ...listParams(filter, labels, after),
    // One more row than the page shows tells whether there is a next page.
    limit: pageSize + 1,
  });
  const snapshots: Snapshot[] = [];
  let shown = 0;
  for (let bytes = 0; shown < Math.min(keys.length, pageSize) && bytes < maxPageBytes; shown++) {
    const snapshot = getListed(context, keys[shown]?.id ?? "");
    if (snapshot === undefined) continue;
    snapshots.push(snapshot);
    bytes += Buffer.byteLength(JSON.stringify(snapshot.config));
  }
  const last = keys.length > shown ? keys[shown - 1] : undefined;
  return {
    snapshots,
    nextPageToken:
      last === undefined
        ? ""
        : encodePageToken({ createdAtMs: last.created_at, id: last.id }, filter),
    totalSize: count(context, filter, labels),
  };
}

function count(context: CatalogContext, filter: ListFilter, labels: readonly Label[]): number {
  if (Object.keys(filter).length === 0) return totalsOf(context).count;
  const { count } = listStatements(shapeOf(filter));
  const params = listParams(filter, labels, undefined);
  return context.connection.one<{ matches: number }>(count, params)?.matches ?? 0;
}

/** Moves a rare label to the front, if there is one, because the listing walks the first label. */
function rareFirst({ connection }: CatalogContext, labels: readonly Label[]): readonly Label[] {
  if (labels.length < 2) return labels;
  const isRare = ([key, value]: Label): boolean =>
    connection.one(sql.labelBeyond, { key, value, offset: rareLabelCount }) === undefined;
  const rare = labels.find(isRare);
  return rare === undefined ? labels : [rare, ...labels.filter((label) => label !== rare)];
}

/**
 * Returns the filter without an empty prefix and an empty set of labels, which are not conditions.
 */
function withoutEmpty(filter: ListFilter): ListFilter {
  const { namePrefix, labels, ...rest } = filter;
  return {
    ...rest,
    ...(namePrefix === undefined || namePrefix === "" ? {} : { namePrefix }),
    ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels }),
  };
}
