// Opens a stored snapshot for a call that reads it: finds the ref, acquires the lease, checks the
// snapshot and opens the files. Calls that return or copy the data of a snapshot begin here. Verify
// and the data map do not, because they do not count as accesses.
import { StoreError, isStoreError } from "../../base/errors.js";
import { openStored, type OpenStoredOptions, type StoredSnapshot } from "../../files/stored.js";
import type { Snapshot } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import { noteDamage } from "./damage.js";
import type { LeaseKind } from "./leases.js";
import { requireUnchanged } from "./linked.js";
import type { Leases, Links, Marker, Reader } from "./ports.js";
import { selectFiles } from "./select.js";

/**
 * A read acquires a lease and records the access. It may also mark a snapshot as corrupt if it
 * finds damage. It makes no other change to the store.
 */
export type ReadPorts = Reader & Leases & Marker & Links;

export interface ReadOptions {
  /** Whether to serve the snapshot although it is known to be damaged. */
  readonly force: boolean;
}

export interface OpenRead extends AsyncDisposable {
  readonly snapshot: Snapshot;
  /** The files that the caller requested. */
  readonly stored: StoredSnapshot;
}

interface OpenReadOptions extends ReadOptions, OpenStoredOptions {
  /** Names of the files to open. Absent and empty mean all files. */
  readonly files?: readonly string[];
  /** The call that reads, so that an error can name it to callers that must wait for it. */
  readonly user: string;
}

export function openRead(
  reader: ReadPorts,
  ref: string,
  options: OpenReadOptions,
  kind: LeaseKind,
  signal: AbortSignal,
): Promise<OpenRead> {
  return inSpan("open", { "stasis.lease": kind }, () =>
    openReadNow(reader, ref, options, kind, signal),
  );
}

async function openReadNow(
  reader: ReadPorts,
  ref: string,
  options: OpenReadOptions,
  kind: LeaseKind,
  signal: AbortSignal,
): Promise<OpenRead> {
  const find = (): Snapshot => reader.catalog.resolveRef(ref);
  const how = { ...options, kind };
  const { snapshot, opened, ...leased } = await openLeased(reader, find, how, (found) =>
    openUnchanged(reader, found, options, signal),
  );
  // The record now contains the time of this access.
  const accessed = reader.catalog.get(snapshot.config.id) ?? snapshot;
  return { ...leased, snapshot: accessed, stored: opened };
}

interface Leased<T> extends AsyncDisposable {
  /** The snapshot as it was before this access. */
  readonly snapshot: Snapshot;
  readonly opened: T;
}

interface LeaseOptions extends ReadOptions {
  readonly user: string;
  readonly kind: LeaseKind;
}

/**
 * Acquires a lease on the snapshot that `find` returns, and calls `open`. Disposing of the result
 * closes the opened object and releases the lease. If the snapshot is already marked corrupt,
 * throws unless `force` is set. If `open` throws STORED_DATA_CORRUPT, this function marks a ready
 * snapshot as corrupt. If the snapshot is no longer ready, it calls `find` again.
 */
export async function openLeased<T extends AsyncDisposable>(
  reader: ReadPorts,
  find: () => Snapshot,
  { force, user, kind }: LeaseOptions,
  open: (snapshot: Snapshot) => Promise<T>,
): Promise<Leased<T>> {
  for (;;) {
    const snapshot = find();
    const { id } = snapshot.config;
    if (snapshot.corrupt && !force) throw corruptError(id);
    const lease = reader.leases.share(id, kind, user);
    try {
      const opened = await open(snapshot);
      reader.catalog.recordAccess(id, reader.clock.now());
      return {
        snapshot,
        opened,
        [Symbol.asyncDispose]: async () => {
          await opened[Symbol.asyncDispose]();
          lease[Symbol.dispose]();
        },
      };
    } catch (error) {
      lease[Symbol.dispose]();
      if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
      // If the snapshot is no longer ready, a deletion or a replacement has moved its directory
      // away. The ref now names nothing or another snapshot, so this loop ends.
      if (reader.catalog.get(id)?.state !== "ready") continue;
      noteDamage(reader, id, error);
      throw error;
    }
  }
}

async function openUnchanged(
  reader: ReadPorts,
  snapshot: Snapshot,
  { force, files: names = [], ...how }: OpenReadOptions,
  signal: AbortSignal,
): Promise<StoredSnapshot> {
  const files = selectFiles(snapshot, names);
  const stored = await openStored(reader.layout, snapshot.config.id, files, signal, how);
  try {
    if (!force) requireUnchanged(reader, stored);
    return stored;
  } catch (error) {
    await stored[Symbol.asyncDispose]();
    throw error;
  }
}

export function notHashedYet(id: string): StoreError {
  return new StoreError(
    "OPERATION_IN_PROGRESS",
    `the digests of snapshot ${id} are still being computed, so nothing can be verified`,
    { hint: "Try again later, or read it without verify", retryAfterMs: 5000 },
  );
}

export function corruptError(id: string): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `snapshot ${id} has damaged data`, {
    hint: `Run \`stasis verify ${id}\` to see which ranges, or ask for it with force`,
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id },
  });
}
