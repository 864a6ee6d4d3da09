// Selects snapshots of a remote, page by page.
import { isRemoteId } from "./format/remote-id.js";
import { describeListed, type ListedSnapshot, type RemoteSnapshot } from "./listed.js";
import type { RemoteListing } from "./listing.js";

/** A snapshot matches if it matches all the fields that are set. */
export interface RemoteFilter {
  /** The name at the remote starts with this text. */
  readonly namePrefix?: string;
  /** All these labels are present with these values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The node with this id has pushed the snapshot. */
  readonly nodeId?: string;
}

export interface RemoteQuery {
  readonly filter: RemoteFilter;
  /** Only snapshots with lower ids. Undefined on the first page. */
  readonly before: string | undefined;
  readonly pageSize: number;
}

export interface RemotePage {
  /** The newest first. */
  readonly snapshots: readonly RemoteSnapshot[];
  /** Whether more snapshots follow. */
  readonly more: boolean;
  /** Number of snapshots that match the filter, on all pages. */
  readonly total: number;
  /** Ids of broken snapshots on the first page, the newest first. */
  readonly brokenIds: readonly string[];
  readonly brokenTotal: number;
}

/** Returns whether the text can be the `before` of a query. */
export function isPosition(text: string): boolean {
  return isRemoteId(text);
}

/** Maximum number of ids of broken snapshots on a page. */
const maxBrokenIds = 1000;

/**
 * A page ends early beyond this size, because gRPC clients accept messages of 4 MiB by default, and
 * the largest configuration has some 100 KiB.
 */
const maxPageBytes = 2 * 1024 * 1024;

export function pageOf(
  { snapshots, broken }: RemoteListing,
  { filter, before, pageSize }: RemoteQuery,
): RemotePage {
  const matching = snapshots.filter((snapshot) => matches(snapshot, filter));
  const rest = before === undefined ? matching : matching.filter(({ id }) => id < before);
  const shown: RemoteSnapshot[] = [];
  let bytes = 0;
  for (const listed of rest) {
    if (shown.length >= pageSize || bytes >= maxPageBytes) break;
    const snapshot = describeListed(listed);
    shown.push(snapshot);
    bytes += Buffer.byteLength(JSON.stringify(snapshot.manifest.config));
  }
  const first = before === undefined ? broken.map(({ id }) => id) : [];
  return {
    snapshots: shown,
    more: rest.length > shown.length,
    total: matching.length,
    brokenIds: first.slice(0, maxBrokenIds),
    brokenTotal: first.length,
  };
}

function matches({ nodeId, name, labels }: ListedSnapshot, filter: RemoteFilter): boolean {
  if (filter.nodeId !== undefined && filter.nodeId !== nodeId) return false;
  if (filter.namePrefix !== undefined && !name.startsWith(filter.namePrefix)) return false;
  return Object.entries(filter.labels ?? {}).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}
