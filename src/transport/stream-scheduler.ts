// Schedules the start of new streams. A client can open hundreds of streams at once, and each takes
// a tenth of a millisecond to start: together they would delay everybody. So each iteration of the
// event loop starts a few streams. The scheduler goes round-robin over the connections and starts
// streams of known callers first. A stream that was reset before its start costs nothing more.
import type { ServerHttp2Stream } from "node:http2";

interface StreamScheduler {
  /** Calls `begin` now or in a later iteration, and never if the stream has ended by then. */
  schedule(stream: ServerHttp2Stream, isKnown: boolean, begin: () => void): void;
  /** Returns the number of streams that wait to begin. */
  waiting(): number;
}

const streamsPerIteration = 16;
/** Number of strangers' streams that start even in iterations that known callers fill. */
const strangersPerIteration = 4;

export function createStreamScheduler(): StreamScheduler {
  const known = createQueue();
  const strangers = createQueue();
  let room = streamsPerIteration;
  let isScheduled = false;

  function runAgain(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(startSome);
  }

  function startSome(): void {
    isScheduled = false;
    room = streamsPerIteration;
    room -= known.begin(room);
    room -= strangers.begin(Math.max(room, strangersPerIteration));
    if (known.size() + strangers.size() > 0) runAgain();
  }

  return {
    schedule(stream, isKnown, begin) {
      if (stream.closed || stream.destroyed) return;
      runAgain();
      const ahead = known.size() + (isKnown ? 0 : strangers.size());
      if (room > 0 && ahead === 0) {
        room--;
        begin();
      } else {
        (isKnown ? known : strangers).add({ stream, begin });
      }
    },
    waiting: () => known.streams() + strangers.streams(),
  };
}

interface Waiting {
  readonly stream: ServerHttp2Stream;
  readonly begin: () => void;
}

interface Queue {
  add(waiting: Waiting): void;
  /**
   * Begins at most `count` streams, round-robin over the connections. Returns how many it began.
   */
  begin(count: number): number;
  /** Returns the number of connections with waiting streams. */
  size(): number;
  streams(): number;
}

function createQueue(): Queue {
  /** Waiting streams by connection, in round-robin order. No list is empty. */
  const waiting = new Map<unknown, Waiting[]>();
  return {
    add(one) {
      const queue = waiting.get(one.stream.session);
      if (queue === undefined) waiting.set(one.stream.session, [one]);
      else queue.push(one);
    },
    begin(count) {
      let begun = 0;
      for (const [connection, queue] of waiting) {
        if (begun === count) break;
        // A connection that still has waiting streams moves to the end of the map. This loop
        // reaches it again after the other connections.
        waiting.delete(connection);
        const next = queue.shift();
        if (queue.length > 0) waiting.set(connection, queue);
        if (next === undefined || next.stream.closed || next.stream.destroyed) continue;
        begun++;
        next.begin();
      }
      return begun;
    },
    size: () => waiting.size,
    streams: () => [...waiting.values()].reduce((sum, { length }) => sum + length, 0),
  };
}
