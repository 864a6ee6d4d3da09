// Which events a filter lets through.
import type { CatalogEvent, ListFilter } from "../../catalog/open.js";
import type { Snapshot } from "../../model/snapshot.js";

/**
 * True if the snapshot matches after the change or before it: whoever followed it hears it leave.
 */
export function eventMatches(filter: ListFilter, event: CatalogEvent): boolean {
  const { snapshot, previous } = event;
  if (snapshotMatches(filter, snapshot)) return true;
  if (previous === undefined) return false;
  const { name, labels, protected: wasProtected } = previous;
  const config = { ...snapshot.config, name, labels };
  return snapshotMatches(filter, { ...snapshot, config, protected: wasProtected });
}

/** What the catalog's listing decides in SQL. */
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
    (createdAfter === undefined || createdAt >= createdAfter) &&
    (createdBefore === undefined || createdAt < createdBefore)
  );
}
