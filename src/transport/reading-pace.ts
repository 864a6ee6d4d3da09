// Slows connections down whose streams are refused again and again.
//
// A stream costs a tenth of a millisecond before anybody can look at it, and a single read of a
// socket can bring a hundred. So a connection that has used up its credit is not read for a while:
// its bytes wait in the kernel, and its client waits with them. One such connection is read again at
// a time, so that everybody else waits for one read at most.
//
// Relies on `_handle.readStop` and `_handle.readStart` of a socket (node:net, lib/net.js): HTTP/2
// reads its socket in native code, and has no public way to pause that. Without them nothing is
// slowed down, which test/unit/transport/reading-pace.test.ts notices.
import type { Http2Session } from "node:http2";
import type { Owner } from "./shares.js";

export interface ReadingPace {
  /** A stream of this connection was refused, or is a stranger's. False if that was one too many. */
  charge(session: Http2Session | undefined, owner: Owner): boolean;
}

/** Streams that cost nothing, so that a health check is not slowed down by what others do. */
const freeOfConnection = { burst: 10, perSecond: 2 } as const;
/** Further ones, of all connections of an identity; all strangers count as one. */
const freeOfOwner = { burst: 100, perSecond: 100 } as const;
/** A read costs ten milliseconds at most. */
const resumeEveryMs = 100;

export function createReadingPace(): ReadingPace {
  const ofConnection = new WeakMap<Http2Session, Credit>();
  const ofOwner = new Map<string, Credit>();
  const paused = { known: new Set<Http2Session>(), strangers: new Set<Http2Session>() };
  let timer: NodeJS.Timeout | undefined;

  function resumeNext(): void {
    timer = undefined;
    for (const queue of [paused.known, paused.strangers]) {
      for (const session of queue) {
        queue.delete(session);
        if (session.destroyed) continue;
        handleOf(session)?.readStart?.();
        schedule();
        return;
      }
    }
  }

  function schedule(): void {
    timer ??= setTimeout(resumeNext, resumeEveryMs).unref();
  }

  return {
    charge(session, owner) {
      if (session === undefined || session.destroyed) return false;
      const connection = ofConnection.get(session) ?? createCredit(freeOfConnection);
      ofConnection.set(session, connection);
      if (connection.take()) return true;
      const key = owner?.name ?? "";
      const shared = ofOwner.get(key) ?? createCredit(freeOfOwner);
      ofOwner.set(key, shared);
      if (shared.take()) return true;
      handleOf(session)?.readStop?.();
      (owner === undefined ? paused.strangers : paused.known).add(session);
      schedule();
      return false;
    },
  };
}

interface Credit {
  take(): boolean;
}

function createCredit({ burst, perSecond }: typeof freeOfOwner | typeof freeOfConnection): Credit {
  let left: number = burst;
  let atMs = performance.now();
  return {
    take() {
      const now = performance.now();
      left = Math.min(burst, left + ((now - atMs) * perSecond) / 1000);
      atMs = now;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}

interface ReadableHandle {
  readStop?(): void;
  readStart?(): void;
}

function handleOf(session: Http2Session): ReadableHandle | undefined {
  const { _handle: handle } = session.socket as { _handle?: ReadableHandle | null };
  return handle ?? undefined;
}
