// Decides which events pass a filter.
import type { CatalogEvent, ListFilter } from "../../catalog/open.js";
import { hostFactNames } from "../../model/host-facts.js";
import type { Snapshot } from "../../model/snapshot.js";

/**
 * Returns true if the snapshot matches after the change or before it. A watcher is therefore also
 * notified when a snapshot stops matching.
 */
export function eventMatches(filter: ListFilter, event: CatalogEvent): boolean {
  const { snapshot, previous } = event;
  if (snapshotMatches(filter, snapshot)) return true;
  if (previous === undefined) return false;
  const { name, labels, protected: wasProtected, corrupt = snapshot.corrupt } = previous;
  const { expiresAtMs = snapshot.expireTime?.getTime() ?? null } = previous;
  const config = { ...snapshot.config, name, labels };
  const expireTime = expiresAtMs === null ? undefined : new Date(expiresAtMs);
  const marks = { protected: wasProtected, corrupt, expireTime };
  return snapshotMatches(filter, { ...snapshot, config, ...marks });
}

/** Evaluates the conditions that the catalog's listing evaluates in SQL. */
function snapshotMatches(filter: ListFilter, snapshot: Snapshot): boolean {
  const { config, createdAt, expireTime } = snapshot;
  const { host = {} } = filter;
  const { namePrefix = "", labels = {}, createdAfter, createdBefore, expiresBefore } = filter;
  return (
    config.name.startsWith(namePrefix) &&
    Object.entries(labels).every(([key, value]) => config.labels[key] === value) &&
    (filter.image ?? config.image) === config.image &&
    (filter.imageDigest ?? config.imageDigest) === config.imageDigest &&
    (filter.hypervisor ?? config.hypervisor) === config.hypervisor &&
    hostFactNames.every((name) => (host[name] ?? config.host?.[name]) === config.host?.[name]) &&
    (filter.protected ?? snapshot.protected) === snapshot.protected &&
    (filter.corrupt ?? snapshot.corrupt) === snapshot.corrupt &&
    (createdAfter === undefined || createdAt >= createdAfter) &&
    (createdBefore === undefined || createdAt < createdBefore) &&
    (expiresBefore === undefined || (expireTime !== undefined && expireTime < expiresBefore))
  );
}
