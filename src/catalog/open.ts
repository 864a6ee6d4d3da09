// Opens the catalog, which is an SQLite index of all snapshots. Every call is synchronous. Each
// call that changes something, except recordAccess, is one transaction that is durable when the
// call returns.
import type { Clock } from "../base/clock.js";
import { isStoreError } from "../base/errors.js";
import { createAccesses, type Accesses } from "./accesses.js";
import { createAudit, type Audit } from "./audit.js";
import { createCharges, type Charges } from "./charges.js";
import { openConnection, type Connection } from "./connection.js";
import { createCopies, type Copies } from "./copies.js";
import type { CatalogContext } from "./context.js";
import { createEventLog, type EventReading } from "./event-log.js";
import { createGcReading, type GcReading } from "./gc-reading.js";
import { createGcSessions, type GcSessions } from "./gc-sessions.js";
import { createLifecycle, type Lifecycle } from "./lifecycle.js";
import { createLinkedFiles, type LinkedFiles } from "./linked-files.js";
import { createListing, type Listing } from "./listing.js";
import { createOutline, type Outline } from "./outline.js";
import { createRecords, type Records } from "./records.js";
import { createRefs, type Refs } from "./refs.js";
import { createRequests, type Requests } from "./requests.js";
import { createTakes, type Takes } from "./takes.js";
import { createStoreClock, type StoreClock } from "./store-clock.js";
import { createSums, type Sums } from "./totals.js";
import { createUpdates, type Updates } from "./update.js";
import { createUploads, type Uploads } from "./uploads.js";

export type { AuditedRow } from "./audit.js";
export type { CatalogEvent, CatalogEventType, EventPosition } from "./event.js";
export type { EventPage } from "./event-log.js";
export type { OutlinePart, OutlineRow, OutlineWalk } from "./outline.js";
export type { Copies } from "./copies.js";
export type { AdoptedSnapshot } from "./lifecycle.js";
export type { LinkedFile } from "./linked-files.js";
export type { ListFilter } from "./list-filter.js";
export type { ListPage, ListQuery } from "./listing.js";
export type { ManifestState } from "./records.js";
export type { StoreClock } from "./store-clock.js";
export { takeKind, type TakeIntent } from "./takes.js";
export type { NewUpload } from "./uploads.js";

/**
 * All methods throw StoreError. After STORAGE_FULL nothing has changed, and the call can be
 * retried.
 */
export interface Catalog
  extends
    Uploads,
    Lifecycle,
    Updates,
    Records,
    Refs,
    Listing,
    LinkedFiles,
    Requests,
    Takes,
    Copies,
    Sums,
    Outline,
    GcReading,
    GcSessions,
    Audit,
    EventReading,
    StoreClock,
    Charges,
    Pick<Accesses, "recordAccess" | "flushAccesses">,
    Pick<Connection, "trouble">,
    AsyncDisposable {
  /**
   * Makes the changes of `work` durable together when `work` returns. Use this only in recovery,
   * before anybody watches. There, a sync for each of thousands of records would take too long.
   */
  together(work: () => void): void;
  /**
   * Writes the recorded accesses if the disk permits, then closes the file. A second call has no
   * effect.
   */
  close(): void;
  /**
   * Abandons the file without writing to it, and leaves it open. Call this instead of `close` when
   * the file no longer belongs to this process.
   */
  abandon(): void;
}

export interface CatalogOptions {
  readonly clock: Clock;
  /** Approximate number of events to keep. */
  readonly maxEvents: number;
  /**
   * Called before each transaction that changes something. If this callback throws, nothing is
   * changed.
   */
  readonly beforeWrite?: () => void;
  /** Called after each transaction, durable or failed, with its duration. */
  readonly afterWrite?: (seconds: number) => void;
}

/**
 * Opens or makes the catalog in the file `path`. The file belongs to this process until it is
 * closed. Do not open it by other means: closing any descriptor of the file in this process would
 * drop SQLite's locks (POSIX locks, fcntl(2)). Throws STORED_DATA_CORRUPT if the file is not a
 * catalog, and FORMAT_UNSUPPORTED if the catalog is newer.
 */
export function openCatalog(path: string, options: CatalogOptions): Catalog {
  const file = openConnection(path);
  try {
    return catalogOver(file, options);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Returns a connection whose transactions call the hooks when they begin and when they end. */
function withHooks(
  file: Connection,
  hooks: {
    beforeWrite: () => void;
    afterWrite: (seconds: number) => void;
    committed: () => void;
    undone: () => void;
  },
): Connection {
  let depth = 0;
  return {
    ...file,
    write: (what, work) => {
      const began = performance.now();
      depth += 1;
      try {
        hooks.beforeWrite();
        const result = file.write(what, work);
        hooks.committed();
        return result;
      } catch (error) {
        hooks.undone();
        throw error;
      } finally {
        depth -= 1;
        // A nested call is a part of the outer transaction.
        if (depth === 0) hooks.afterWrite((performance.now() - began) / 1000);
      }
    },
  };
}

function closeCleanly({ accesses, connection, storeClock }: CatalogContext): void {
  try {
    accesses.flushAccesses();
    storeClock.noteClock();
  } catch (error) {
    // Access times do not justify failing a clean shutdown on a full or broken disk.
    if (!isStoreError(error, "STORAGE_FULL") && !isStoreError(error, "IO_FAILED")) throw error;
  } finally {
    connection.close();
  }
}

function catalogOver(file: Connection, options: CatalogOptions): Catalog {
  const { clock, maxEvents } = options;
  const { beforeWrite = () => undefined, afterWrite = () => undefined } = options;
  const { events, reading, committed } = createEventLog(file, { clock, maxEvents });
  const connection = withHooks(file, {
    ...{ beforeWrite, afterWrite, committed },
    undone: () => charges.forget(),
  });
  const { add, forget, ...sums } = createCharges(connection);
  const charges = { ...sums, add, forget };
  const { save, ...storeClock } = createStoreClock(connection, clock);
  const stamping = { ...storeClock, save };
  const accesses = createAccesses(connection, stamping);
  const context = { connection, accesses, events, clock, storeClock: stamping, charges };
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    closeCleanly(context);
  };
  return {
    ...createUploads(context),
    ...createLifecycle(context),
    ...createUpdates(context),
    ...createRecords(context),
    ...createRefs(context),
    ...createListing(context),
    ...createLinkedFiles(context),
    ...createRequests(context),
    ...createTakes(context),
    ...createCopies(context),
    ...createSums(context),
    ...createOutline(context),
    ...createGcReading(context),
    ...createGcSessions(context),
    ...createAudit(context),
    ...reading,
    ...storeClock,
    ...sums,
    recordAccess: accesses.recordAccess,
    flushAccesses: accesses.flushAccesses,
    trouble: connection.trouble,
    together: (work) => {
      connection.write("cannot record what was found", work);
    },
    close,
    abandon: () => {
      open = false;
      connection.abandon();
    },
    [Symbol.asyncDispose]: () => {
      close();
      return Promise.resolve();
    },
  };
}
