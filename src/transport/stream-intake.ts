// In which order new streams are begun, and how many may be open. A client can open a thousand at once: each takes a
// tenth of a millisecond to begin, and together they would hold up everybody for as long. So there are turns of the
// event loop with a few each, taken from the connections one after the other. A stream that was reset before
// its turn costs nothing more.
import type { ServerHttp2Stream } from "node:http2";

export interface StreamIntake {
  /** Calls `begin` now or in a later turn; never, if the stream has ended by then. */
  take(stream: ServerHttp2Stream, begin: () => void): void;
}

export interface StreamIntakeOptions {
  /** Also those that were answered and have not closed yet. */
  readonly maxOpenStreams: number;
  /** What becomes of one too many: in place of its beginning. */
  readonly refuse: (stream: ServerHttp2Stream) => void;
  /** Called when most of a large number of streams have closed. */
  readonly onCrowdGone: () => void;
}

const streamsPerTurn = 16;
/** As many are a crowd, and a quarter of what they were are few. */
const crowdSize = 512;

export function createStreamIntake(options: StreamIntakeOptions): StreamIntake {
  const { maxOpenStreams, refuse, onCrowdGone } = options;
  /** By connection, the one whose turn it is first. None is empty. */
  const waiting = new Map<unknown, Waiting[]>();
  let open = 0;
  let most = 0;
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
    for (const [connection, queue] of waiting) {
      if (room === 0) break;
      // A connection that still has some goes behind the others, where this loop meets it again.
      waiting.delete(connection);
      const next = queue.shift();
      if (queue.length > 0) waiting.set(connection, queue);
      if (next === undefined || next.stream.closed || next.stream.destroyed) continue;
      room--;
      next.begin();
    }
    if (waiting.size > 0) comeAgain();
  }

  function closed(): void {
    open--;
    if (most < crowdSize || open > most / 4) return;
    most = open;
    onCrowdGone();
  }

  return {
    take(stream, begin) {
      // Until grpc-js listens: without a listener a reset would end the process.
      stream.on("error", () => undefined);
      if (stream.closed || stream.destroyed) return;
      open++;
      most = Math.max(most, open);
      stream.once("close", closed);
      if (open > maxOpenStreams) {
        refuse(stream);
        return;
      }
      comeAgain();
      if (waiting.size === 0 && room > 0) {
        room--;
        begin();
        return;
      }
      const queue = waiting.get(stream.session);
      if (queue === undefined) waiting.set(stream.session, [{ stream, begin }]);
      else queue.push({ stream, begin });
    },
  };
}

interface Waiting {
  readonly stream: ServerHttp2Stream;
  readonly begin: () => void;
}
