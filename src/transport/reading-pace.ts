// Slows down connections whose streams are refused repeatedly.
//
// A stream costs a tenth of a millisecond before the daemon can decide about it, and a single read
// of a socket can bring a hundred streams. So when a connection has used up its credit, the daemon
// stops reading it for a while. The connection's bytes wait in the kernel, and its client waits
// too. The daemon resumes one such connection at a time, so that other callers wait for at most one
// read. grpc-hooks/socket-reading.ts explains how reading stops.
import type { Http2Session } from "node:http2";
import { pauseReading, resumeReading } from "./grpc-hooks/socket-reading.js";
import type { Owner } from "./semaphore.js";

interface ReadingPace {
  /**
   * Charges the connection for a stream that was refused, or that is a stranger's. If its credit
   * and that of its owner are used up, returns false and stops reading the connection. Also returns
   * false if the connection is closed.
   */
  charge(session: Http2Session | undefined, owner: Owner): boolean;
  /** Returns the number of connections that are not read at the moment. */
  paused(): number;
}

/** Free streams of a connection. They ensure that other callers cannot slow down a health check. */
const freeOfConnection = { burst: 10, perSecond: 2 } as const;
/** Further free streams for all connections of an identity. All strangers count as one. */
const freeOfOwner = { burst: 100, perSecond: 100 } as const;
/** Interval at which one paused connection is resumed. A read costs ten milliseconds at most. */
const resumeEveryMs = 100;

export function createReadingPace(): ReadingPace {
  const ofConnection = new WeakMap<Http2Session, Credit>();
  const ofOwner = new Map<string, Credit>();
  const paused = createPausedConnections();

  return {
    paused: paused.count,
    charge(session, owner) {
      if (session === undefined || session.destroyed) return false;
      const connection = ofConnection.get(session) ?? createCredit(freeOfConnection);
      ofConnection.set(session, connection);
      if (connection.take()) return true;
      const key = owner?.name ?? "";
      const shared = ofOwner.get(key) ?? createCredit(freeOfOwner);
      ofOwner.set(key, shared);
      if (shared.take()) return true;
      paused.add(session, owner !== undefined);
      return false;
    },
  };
}

/**
 * Holds the connections that are not read. One is resumed at a time, and connections with an
 * identity come first.
 */
function createPausedConnections() {
  const known = new Set<Http2Session>();
  const strangers = new Set<Http2Session>();
  let timer: NodeJS.Timeout | undefined;

  function resumeNext(): void {
    timer = undefined;
    for (const queue of [known, strangers]) {
      for (const session of queue) {
        queue.delete(session);
        if (session.destroyed) continue;
        resumeReading(session);
        schedule();
        return;
      }
    }
  }

  function schedule(): void {
    timer ??= setTimeout(resumeNext, resumeEveryMs).unref();
  }

  return {
    count: (): number => known.size + strangers.size,
    add(session: Http2Session, isKnown: boolean): void {
      pauseReading(session);
      (isKnown ? known : strangers).add(session);
      schedule();
    },
  };
}

/** The credit of a connection or an owner: a token bucket. */
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
