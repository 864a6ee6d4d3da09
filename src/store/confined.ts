// Shows the store to a caller that is confined to names with a prefix. For this caller, all other
// snapshots do not exist. The same operations run over a catalog that shows only the caller's
// snapshots.
import { StoreError, fieldInvalid } from "../base/errors.js";
import { notFoundError } from "../catalog/refs.js";
import type { Catalog, ListFilter } from "../catalog/open.js";
import { scopedRequestId } from "../catalog/requests.js";
import type { SnapshotState } from "../model/snapshot.js";
import type { StoreParts } from "./store-parts.js";
import { watch, type WatchEvent, type WatchRequest } from "./watch/watch.js";

/**
 * Returns the parts for operations that begin with a ref or a name. Operations that search for
 * leftovers must not use them.
 */
export function confinedParts(parts: StoreParts, namePrefix: string): StoreParts {
  return { ...parts, namePrefix, catalog: confinedCatalog(parts.catalog, namePrefix) };
}

function confinedCatalog(catalog: Catalog, namePrefix: string): Catalog {
  const isOwn = (id: string): boolean =>
    catalog.get(id)?.config.name.startsWith(namePrefix) === true;
  const requireOwnName = (name: string): void => {
    if (name.startsWith(namePrefix)) return;
    const hint = "The caller is confined to such names";
    throw fieldInvalid("name", `a name that begins with ${namePrefix}`, name, hint);
  };
  return {
    ...catalog,
    get: (id) => {
      const snapshot = catalog.get(id);
      return snapshot?.config.name.startsWith(namePrefix) === true ? snapshot : undefined;
    },
    gcSnapshot: (label, id) => {
      const snapshot = catalog.gcSnapshot(label, id);
      return snapshot?.name.startsWith(namePrefix) === true ? snapshot : undefined;
    },
    files: (id) => (isOwn(id) ? catalog.files(id) : []),
    resolveRef: (ref, options) => catalog.resolveRef(ref, { ...options, namePrefix }),
    idsInState: (state: SnapshotState) => catalog.idsInStateWithName(state, namePrefix),
    idsWithDigest: (digest, limit) => catalog.idsWithDigest(digest, limit, namePrefix),
    list: (query) => {
      const filter = ownFilter(query.filter ?? {}, namePrefix);
      if (filter !== undefined) return catalog.list({ ...query, filter });
      return { snapshots: [], nextPageToken: "", totalSize: 0 };
    },
    ...confinedOutline(catalog, namePrefix),
    // An import learns its name from the archive. Before that, its snapshot has no name, and nobody
    // sees it.
    insertPending: (upload) => {
      if (!(upload.config.name === "" && upload.kind.startsWith("import"))) {
        requireOwnName(upload.config.name);
      }
      const { requestId } = upload;
      const scoped = requestId && { requestId: scopedRequestId(namePrefix, requestId) };
      catalog.insertPending({ ...upload, ...scoped });
    },
    updatePending: (id, change) => {
      requireOwnName(change.config.name);
      catalog.updatePending(id, change);
    },
    update: (id, changes) => {
      if (!isOwn(id)) throw notFoundError(id);
      if (changes.name !== undefined) requireOwnName(changes.name);
      return catalog.update(id, changes);
    },
    findRequest: (requestId) => {
      const request = catalog.findRequest(scopedRequestId(namePrefix, requestId));
      const made = request && catalog.get(request.snapshotId);
      // If its snapshot is pending without a name, the first call is an import that has not read
      // its name yet. `get` does not return such a snapshot.
      if (made?.state === "pending" && made.config.name === "") throw requestRunning();
      return request;
    },
  };
}

function requestRunning(): StoreError {
  return new StoreError("OPERATION_IN_PROGRESS", "the first call with this request id is running", {
    hint: "Try again when it has ended",
    retryAfterMs: 1000,
  });
}

type OutlineReads = Pick<Catalog, "outline" | "listed" | "pendingUploads">;

function confinedOutline(catalog: Catalog, namePrefix: string): OutlineReads {
  return {
    outline: (walk) => {
      const { namePrefix: wanted = "" } = walk;
      if (wanted.startsWith(namePrefix)) return catalog.outline(walk);
      return namePrefix.startsWith(wanted) ? catalog.outline({ ...walk, namePrefix }) : nothing;
    },
    listed: (id) => {
      const snapshot = catalog.listed(id);
      return snapshot?.config.name.startsWith(namePrefix) === true ? snapshot : undefined;
    },
    pendingUploads: () =>
      catalog.pendingUploads().filter(({ name }) => name.startsWith(namePrefix)),
  };
}

const nothing = { rows: [], next: undefined } as const;

/** Returns the filter for the caller's own snapshots, or undefined if nothing can match. */
function ownFilter(filter: ListFilter, namePrefix: string): ListFilter | undefined {
  const wanted = filter.namePrefix ?? "";
  if (wanted.startsWith(namePrefix)) return filter;
  return namePrefix.startsWith(wanted) ? { ...filter, namePrefix } : undefined;
}

/** A name that no snapshot can have, because its code point is the largest one. */
const nobodysName = "\u{10ffff}";

/**
 * Watches the events of a caller that sees only names with the prefix. `parts` are those of the
 * whole store.
 */
export async function* watchOwn(
  parts: StoreParts,
  request: WatchRequest,
  namePrefix: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const own = ownFilter(request.filter, namePrefix) ?? {
    ...request.filter,
    namePrefix: nobodysName,
  };
  for await (const event of watch(parts, { ...request, filter: own }, signal)) {
    const shown = ownEvent(event, namePrefix);
    if (shown !== undefined) yield shown;
  }
}

/**
 * Returns the event as the caller may see it, or undefined if the caller may not see it. An
 * operator can rename a snapshot across prefixes. The caller then sees a creation or a deletion.
 * The event hides the other name, and everything else that the change wrote under that name.
 */
function ownEvent(event: WatchEvent, namePrefix: string): WatchEvent | undefined {
  if (!("snapshot" in event)) return event;
  const { snapshot, previousName, previousLabels: labels = {} } = event;
  if (snapshot.config.name.startsWith(namePrefix)) {
    if (event.type !== "renamed" || previousName.startsWith(namePrefix)) return event;
    return { ...event, type: "created", previousName: "" };
  }
  if (event.type !== "renamed" || !previousName.startsWith(namePrefix)) return undefined;
  // Nothing records the description that the snapshot had before.
  const config = { ...snapshot.config, name: previousName, labels, description: "" };
  return { ...event, type: "deleted", snapshot: { ...snapshot, config }, previousName: "" };
}
