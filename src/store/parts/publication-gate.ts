// Allows one collection at a time. While an orchestrator's GC session is open, publication is
// paused, so that no image blobs are pinned. The references that the orchestrator has read
// therefore stay complete.
import type { Clock } from "../../base/clock.js";
import { StoreError } from "../../base/errors.js";

/** How long an upload waits for a GC session to end. */
const maxWaitMs = 10_000;

export interface GcSession {
  readonly sessionId: string;
  readonly epoch: number;
  readonly owner: string;
  readonly ttlMs: number;
}

export interface GcLock {
  /**
   * Starts a collection of this daemon. Throws GC_LOCK_BUSY if another collection, a repair or a GC
   * session holds the lock, and never waits.
   */
  lock(): Disposable;
  /**
   * Opens the GC session that `open` creates. Throws GC_LOCK_BUSY if a collection, a repair or
   * another GC session holds the lock, and never waits.
   */
  openSession(open: () => GcSession): GcSession;
  /** Returns the GC session that is open now. */
  session(): GcSession | undefined;
  /** Restarts the GC session's time to live. */
  renew(): void;
  closeSession(): void;
  /** Returns at a moment when no GC session is open. Throws BLOCKED_BY_GC after 10 seconds. */
  waitUntilOpen(signal: AbortSignal): Promise<void>;
}

export function createGcLock(clock: Clock): GcLock {
  let locked = false;
  let current: GcSession | undefined;
  let expiresAtMs = 0;
  const waiting = new Set<() => void>();

  const session = (): GcSession | undefined => {
    if (current !== undefined && clock.monotonicMs() >= expiresAtMs) closeSession();
    return current;
  };
  const closeSession = (): void => {
    current = undefined;
    for (const wake of waiting) wake();
  };
  const refuseBusy = (): void => {
    const open = session();
    if (!locked && open === undefined) return;
    const who = open === undefined ? "a collection" : `the session of ${open.owner}`;
    throw new StoreError("GC_LOCK_BUSY", `${who} is under way`, {
      hint: "Try again when it has ended",
      retryAfterMs: open === undefined ? 1000 : Math.max(1, expiresAtMs - clock.monotonicMs()),
      metadata: open === undefined ? {} : { owner: open.owner },
    });
  };
  const renew = (): void => {
    if (current !== undefined) expiresAtMs = clock.monotonicMs() + current.ttlMs;
  };
  return {
    lock: () => {
      refuseBusy();
      locked = true;
      return {
        [Symbol.dispose]: () => {
          locked = false;
        },
      };
    },
    openSession: (open) => {
      refuseBusy();
      current = open();
      renew();
      return current;
    },
    session,
    renew,
    closeSession,
    waitUntilOpen: async (signal) => {
      const endMs = clock.monotonicMs() + maxWaitMs;
      for (let open = session(); open !== undefined; open = session()) {
        const nowMs = clock.monotonicMs();
        if (nowMs >= endMs) throw blocked(open, expiresAtMs - nowMs);
        await sleep(Math.min(endMs, expiresAtMs) - nowMs, signal, waiting);
      }
    },
  };
}

/** Waits for `ms`. Returns early when a waker is called, and throws when the signal fires. */
async function sleep(ms: number, signal: AbortSignal, wakers: Set<() => void>): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      wakers.delete(end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(1, Math.ceil(ms)));
    wakers.add(end);
    signal.addEventListener("abort", end, { once: true });
  });
  signal.throwIfAborted();
}

function blocked(session: GcSession, leftMs: number): StoreError {
  return new StoreError(
    "BLOCKED_BY_GC",
    `publication is paused while the garbage collection of ${session.owner} is under way`,
    {
      hint: "Send it again when that has ended; its session expires if it is not renewed",
      retryAfterMs: Math.max(1, leftMs),
      metadata: { owner: session.owner },
    },
  );
}
