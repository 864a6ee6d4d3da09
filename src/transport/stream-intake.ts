// In which order new streams begin. A client can open hundreds at once, and each takes a tenth of a
// millisecond to begin: together they would hold up everybody. So a turn of the event loop begins a
// few, from each connection in turn, and those of known callers first. A stream that was reset
// before its turn costs nothing more.
import type { ServerHttp2Stream } from "node:http2";

export interface StreamIntake {
  /** Calls `begin` now or in a later turn, and never if the stream has ended by then. */
  take(stream: ServerHttp2Stream, isKnown: boolean, begin: () => void): void;
}

const streamsPerTurn = 16;
/** Of callers who are not known, also in turns that known callers fill. */
const strangersPerTurn = 4;

export function createStreamIntake(): StreamIntake {
  const known = createQueue();
  const strangers = createQueue();
  let room = streamsPerTurn;
  let turnIsComing = false;

  function comeAgain(): void {
    if (turnIsComing) return;
    turnIsComing = true;
    setImmediate(turn);
  }

  function turn(): void {
    turnIsComing = false;
    room = streamsPerTurn;
    room -= known.begin(room);
    room -= strangers.begin(Math.max(room, strangersPerTurn));
    if (known.size() + strangers.size() > 0) comeAgain();
  }

  return {
    take(stream, isKnown, begin) {
      if (stream.closed || stream.destroyed) return;
      comeAgain();
      const ahead = known.size() + (isKnown ? 0 : strangers.size());
      if (room > 0 && ahead === 0) {
        room--;
        begin();
      } else {
        (isKnown ? known : strangers).add({ stream, begin });
      }
    },
  };
}

interface Waiting {
  readonly stream: ServerHttp2Stream;
  readonly begin: () => void;
}

interface Queue {
  add(waiting: Waiting): void;
  /** Begins so many, from each connection in turn; returns how many it began. */
  begin(count: number): number;
  size(): number;
}

function createQueue(): Queue {
  /** By connection, the one whose turn it is first. No list is empty. */
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
        // A connection that has more goes behind the others, where this loop meets it again.
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
  };
}
