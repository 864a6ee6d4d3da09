// All watchers of a store: how many there are, and how they are woken.
import { StoreError } from "../base/errors.js";
import type { Catalog, EventPage } from "../catalog/open.js";
import { closingError } from "./background.js";

export interface Watchers {
  /**
   * Throws TOO_MANY_STREAMS, and DRAINING after `close`. Disposing makes room for another one. The places
   * of one `identity` are three quarters of all, rounded up; undefined: nobody in particular.
   */
  enter(identity?: string): Disposable;
  /** What follows `sequence`, oldest first, in pieces of bounded size. Throws DRAINING after `close`. */
  pageAfter(sequence: number): EventPage;
  /**
   * Resolves with the next event, or `close`. To miss none it is called in the same tick in which
   * a page was empty. Rejects with the signal's reason.
   */
  nextChange(signal: AbortSignal): Promise<void>;
  /** Ends all watchers. */
  close(): void;
}

/** What a watcher holds in memory, however far behind it is. */
const pageSize = 32;
const retryAfterMs = 1000;

export function createWatchers(catalog: Catalog, maxWatchers: number): Watchers {
  const sleeping = new Set<() => void>();
  const share = Math.ceil((maxWatchers * 3) / 4);
  const of = new Map<string | undefined, number>();
  let count = 0;
  let closed = false;
  // Most watchers are at the newest event: what one of them reads is what all of them need.
  let lastRead: { readonly after: number; readonly page: EventPage } | undefined;

  const wakeAll = (): void => {
    lastRead = undefined;
    for (const wake of [...sleeping]) wake();
  };
  const ignoreEvents = catalog.onEvents(wakeAll);

  return {
    enter: (identity) => {
      if (closed) throw closingError();
      if (count >= maxWatchers) throw tooManyError("watchers", maxWatchers);
      const taken = of.get(identity) ?? 0;
      if (identity !== undefined && taken >= share) {
        throw tooManyError("watchers of this identity", share);
      }
      count += 1;
      of.set(identity, taken + 1);
      let entered = true;
      return {
        [Symbol.dispose]: () => {
          if (!entered) return;
          entered = false;
          count -= 1;
          const left = (of.get(identity) ?? 1) - 1;
          if (left === 0) of.delete(identity);
          else of.set(identity, left);
        },
      };
    },
    pageAfter: (sequence) => {
      if (closed) throw closingError();
      if (lastRead?.after !== sequence) {
        lastRead = { after: sequence, page: catalog.eventsAfter(sequence, pageSize) };
      }
      return lastRead.page;
    },
    nextChange: (signal) => {
      signal.throwIfAborted();
      return new Promise((resolve, reject) => {
        const settle = (then: () => void) => () => {
          sleeping.delete(wake);
          signal.removeEventListener("abort", fail);
          then();
        };
        const wake = settle(resolve);
        const fail = settle(() => reject(signal.reason as Error));
        sleeping.add(wake);
        signal.addEventListener("abort", fail, { once: true });
      });
    },
    close: () => {
      closed = true;
      ignoreEvents();
      wakeAll();
    },
  };
}

function tooManyError(what: string, limit: number): StoreError {
  return new StoreError("TOO_MANY_STREAMS", `${limit} ${what} are open, which is the most`, {
    hint: "Retry when others have ended, or raise max_watchers",
    metadata: { limit: what.replaceAll(" ", "_"), max: String(limit) },
    retryAfterMs,
  });
}
