// Decides which events pass a filter.
import type { CatalogEvent, ListFilter } from "../../catalog/open.js";
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
  const config = { ...snapshot.config, name, labels };
  return snapshotMatches(filter, { ...snapshot, config, protected: wasProtected, corrupt });
}

/** Evaluates the conditions that the catalog's listing evaluates in SQL. */
function snapshotMatches(filter: ListFilter, snapshot: Snapshot): boolean {
  const { config, createdAt } = snapshot;
  const { namePrefix = "", labels = {}, createdAfter, createdBefore } = filter;
  return (
    config.name.startsWith(namePrefix) &&
    Object.entries(labels).every(([key, value]) => config.labels[key] === value) &&
    (filter.image ?? config.image) === config.image &&
    (filter.imageDigest ?? config.imageDigest) === config.imageDigest &&
    (filter.hypervisor ?? config.hypervisor) === config.hypervisor &&
    (filter.protected ?? snapshot.protected) === snapshot.protected &&
    (filter.corrupt ?? snapshot.corrupt) === snapshot.corrupt &&
    (createdAfter === undefined || createdAt >= createdAfter) &&
    (createdBefore === undefined || createdAt < createdBefore)
  );
}
