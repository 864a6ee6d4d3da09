// Counts the watchers of a store, and wakes them.
import { untilWoken } from "../../base/async.js";
import { StoreError } from "../../base/errors.js";
import type { Catalog, CatalogEvent, EventPage } from "../../catalog/open.js";
import { closingError } from "./background.js";

export interface Watchers {
  /**
   * Takes a seat for a watcher. Throws TOO_MANY_STREAMS if no seat is left for it, and DRAINING
   * after `close`. Disposing of the result frees the seat for another watcher. One `identity` gets
   * at most three quarters of all seats, rounded up. Without an identity, the watcher counts only
   * in the total.
   */
  enter(identity?: string): Disposable;
  /**
   * Returns the event that follows `sequence`, or an undefined `event` if there is no such event
   * yet. A watcher whose caller does not read holds only this one event. Throws DRAINING after
   * `close`.
   */
  eventAfter(sequence: number): NextEvent;
  /**
   * Resolves at the next event, or at `close`. To miss no event, call it in the same tick in which
   * `eventAfter` returned no event. Rejects with the signal's reason.
   */
  nextChange(signal: AbortSignal): Promise<void>;
  /** Returns the number of watchers that are open now. */
  count(): number;
  /** Ends all watchers. */
  close(): void;
}

interface NextEvent {
  readonly event: CatalogEvent | undefined;
  /** Whether the log has trimmed events after the position. */
  readonly missed: boolean;
}

/**
 * The number of events in a page. Watchers share pages of events: most watchers are at the newest
 * event, so all of them need the same page. An event is as large as the metadata of its snapshot.
 */
const pageSize = 8;
const maxPages = 8;
const retryAfterMs = 1000;

export function createWatchers(
  catalog: Pick<Catalog, "eventsAfter" | "onEvents">,
  maxWatchers: number,
): Watchers {
  const sleeping = new Set<() => void>();
  const seats = createSeats(maxWatchers);
  const pages = createPages(catalog);
  let closed = false;

  const wakeAll = (): void => {
    pages.grown();
    for (const wake of [...sleeping]) wake();
  };
  const ignoreEvents = catalog.onEvents(wakeAll);

  return {
    enter: (identity) => {
      if (closed) throw closingError();
      return seats.take(identity);
    },
    eventAfter: (sequence) => {
      if (closed) throw closingError();
      return pages.eventAfter(sequence);
    },
    nextChange: (signal) => untilWoken(sleeping, signal),
    count: seats.count,
    close: () => {
      closed = true;
      ignoreEvents();
      wakeAll();
    },
  };
}

/**
 * Counts watchers, in total and by identity. One identity gets at most three quarters of all seats.
 */
function createSeats(maxWatchers: number) {
  const share = Math.ceil((maxWatchers * 3) / 4);
  const takenBy = new Map<string | undefined, number>();
  let count = 0;
  return {
    count: () => count,
    /**
     * Takes a seat, which disposing of the result frees. Throws TOO_MANY_STREAMS if all seats are
     * taken, or if the identity already has its share.
     */
    take(identity: string | undefined): Disposable {
      if (count >= maxWatchers) throw tooManyError("watchers", maxWatchers);
      const taken = takenBy.get(identity) ?? 0;
      if (identity !== undefined && taken >= share) {
        throw tooManyError("watchers of this identity", share);
      }
      count += 1;
      takenBy.set(identity, taken + 1);
      let seated = true;
      return {
        [Symbol.dispose]: () => {
          if (!seated) return;
          seated = false;
          count -= 1;
          const left = (takenBy.get(identity) ?? 1) - 1;
          if (left === 0) takenBy.delete(identity);
          else takenBy.set(identity, left);
        },
      };
    },
  };
}

function createPages(catalog: Pick<Catalog, "eventsAfter">) {
  /** Pages by the sequence number that they follow. The most recently used page is last. */
  const pages = new Map<number, EventPage>();

  /** Sequence numbers have no gaps. */
  const pageWith = (sequence: number): [after: number, page: EventPage] | undefined => {
    for (const entry of pages) {
      const [after, { events }] = entry;
      if (after <= sequence && sequence < after + events.length) return entry;
    }
    return undefined;
  };
  return {
    eventAfter(sequence: number): NextEvent {
      const [after, page] = pageWith(sequence) ?? [
        sequence,
        pages.get(sequence) ?? catalog.eventsAfter(sequence, pageSize),
      ];
      pages.delete(after);
      pages.set(after, page);
      if (pages.size > maxPages) pages.delete(pages.keys().next().value ?? after);
      return { event: page.events[sequence - after], missed: page.missed };
    },
    /**
     * Call it when new events exist. It drops cached pages that are not full, because they lack the
     * new events.
     */
    grown(): void {
      for (const [after, { events }] of pages) if (events.length < pageSize) pages.delete(after);
    },
  };
}

function tooManyError(what: string, limit: number): StoreError {
  return new StoreError("TOO_MANY_STREAMS", `the limit on ${what} is reached: ${limit}`, {
    hint: "Retry when another watcher has ended, or raise max_watchers",
    metadata: { limit: what.replaceAll(" ", "_"), max: String(limit) },
    retryAfterMs,
  });
}
