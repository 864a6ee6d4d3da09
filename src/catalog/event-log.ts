// Keeps the log of changes to snapshots, for watchers. An event is written in the transaction of
// its change. The log has a bounded size, and is read in pages from any position.
import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Connection } from "./connection.js";
import type { CatalogEvent, CatalogEventType, EventPosition, PreviousValues } from "./event.js";
import { eventFromRow, eventText, type EventRow } from "./event-rows.js";
import { sql } from "./sql.js";

export interface EventPage {
  readonly events: readonly CatalogEvent[];
  /** True if events after the position were trimmed. In that case `events` is empty. */
  readonly missed: boolean;
}

export interface EventReading {
  /** Returns the position of the newest event. */
  eventPosition(): EventPosition;
  /**
   * Returns false if the event at the position was trimmed, or if this catalog never recorded it,
   * for example because an older copy of the catalog was restored.
   */
  isKnownPosition(position: EventPosition): boolean;
  /** Returns up to `limit` events after a position, the oldest first. */
  eventsAfter(sequence: number, limit: number): EventPage;
  /**
   * Calls `listener` after each commit that added events. The listener must not throw. Returns a
   * function that ends the calls.
   */
  onEvents(listener: () => void): () => void;
}

export interface EventLog {
  /** Records an event. Call this inside the transaction that makes the change. */
  record(
    type: CatalogEventType,
    snapshot: Snapshot,
    details?: { readonly replacedBy?: string; readonly previous?: PreviousValues },
  ): void;
}

interface End extends EventPosition {
  readonly end_bytes: number;
}

/** Maximum bytes of the text of all events, in addition to the limit on their number. */
const maxBytes = 64 * 1024 * 1024;
/**
 * Maximum number of rows by which the log exceeds its limit before it is trimmed. One trim deletes
 * at most `batchesPerTrim` times as many rows, so that no caller waits long for it.
 */
const largestBatch = 256;
const batchesPerTrim = 4;

/**
 * Types of events that do not trim the log, because recording them must succeed on a nearly full
 * disk.
 */
const removals: ReadonlySet<CatalogEventType> = new Set([
  ...(["deleted", "evicted", "expired", "taken", "lost"] as const),
]);

/** Returns the log. The caller must call `committed` after each successful write. */
export function createEventLog(
  connection: Connection,
  { clock, maxEvents }: { readonly clock: Clock; readonly maxEvents: number },
): { events: EventLog; reading: EventReading; committed: () => void } {
  const listeners = new Set<() => void>();
  let recorded = false;
  const blobIdsOf = (id: string): readonly string[] =>
    connection
      .all<{ blob_id: string }>(sql.pinsOf, { id })
      .map((row) => row.blob_id)
      .sort();
  const newest = (): End | undefined => connection.one<End>(sql.newestEvent);
  const events: EventLog = {
    record: (type, snapshot, { replacedBy = "", previous } = {}) => {
      const { sequence, end_bytes } = newest() ?? { sequence: 0, end_bytes: 0 };
      const text = eventText(snapshot, removals.has(type));
      connection.run(sql.insertEvent, {
        // The number follows that of the newest event, so that failed transactions leave no gaps.
        sequence: sequence + 1,
        mark: randomBytes(4).toString("hex"),
        type,
        occurred_at: clock.now().getTime(),
        snapshot_id: snapshot.config.id,
        replaced_by: replacedBy,
        previous: previous === undefined ? "" : JSON.stringify(previous),
        snapshot: text,
        end_bytes: end_bytes + Buffer.byteLength(text),
      });
      recorded = true;
      if (!removals.has(type)) trim(connection, maxEvents);
    },
  };
  const reading: EventReading = {
    eventPosition: () => {
      const { sequence, mark } = newest() ?? { sequence: 0, mark: "" };
      return { sequence, mark };
    },
    isKnownPosition: (position) => isKnown(connection, position),
    eventsAfter: (sequence, limit) => {
      const rows = connection.all<EventRow>(sql.eventsAfter, { after: sequence, limit });
      const [first] = rows;
      if (first !== undefined && first.sequence !== sequence + 1) {
        return { events: [], missed: true };
      }
      return { events: rows.map((row) => eventFromRow(row, blobIdsOf)), missed: false };
    },
    onEvents: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const committed = (): void => {
    // `recorded` stays set after a failed transaction. In that case the listeners may find no new
    // events after the next commit.
    if (!recorded) return;
    recorded = false;
    for (const listener of listeners) listener();
  };
  return { events, reading, committed };
}

function isKnown(connection: Connection, { sequence, mark }: EventPosition): boolean {
  if (sequence === 0) return (connection.one<End>(sql.oldestEvent)?.sequence ?? 1) === 1;
  return connection.one<{ mark: string }>(sql.eventMark, { sequence })?.mark === mark;
}

/**
 * Lets the log exceed its limit by a batch, then deletes some rows. The newest event always stays.
 */
function trim(connection: Connection, maxEvents: number): void {
  const oldest = connection.one<End>(sql.oldestEvent);
  const newest = connection.one<End>(sql.newestEvent);
  if (oldest === undefined || newest === undefined) return;
  const batch = Math.max(1, Math.min(largestBatch, Math.floor(maxEvents / 10)));
  const excess = newest.sequence - oldest.sequence + 1 - maxEvents;
  let count = excess < batch ? 0 : Math.min(excess, batch * batchesPerTrim);
  if (newest.end_bytes - oldest.end_bytes > maxBytes) count = Math.max(count, batch);
  const last = Math.min(oldest.sequence + count, newest.sequence) - 1;
  if (count > 0) connection.run(sql.trimEvents, { last });
}
