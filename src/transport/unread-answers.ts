// Ends streams that were answered and whose clients do not read the answer: it would be held as long
// as the connection lives, and counts for no call any more.
import { constants, type ServerHttp2Stream } from "node:http2";

export interface UnreadAnswers extends Disposable {
  /** All of the answer has been written to the stream. */
  answered(stream: ServerHttp2Stream): void;
}

/** A stream of which nothing is read for `idleMs` is reset, at most half as long again later. */
export function createUnreadAnswers(idleMs: number): UnreadAnswers {
  /** What was unread the last time somebody looked, and when that changed. */
  const open = new Map<ServerHttp2Stream, { unread: number; sinceMs: number }>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [stream, state] of open) {
      const unread = stream.writableLength;
      if (unread !== state.unread) Object.assign(state, { unread, sinceMs: now });
      else if (now - state.sinceMs >= idleMs) stream.close(constants.NGHTTP2_CANCEL);
    }
  }, idleMs / 2);
  timer.unref();
  return {
    answered(stream) {
      if (stream.closed || stream.destroyed || open.has(stream)) return;
      open.set(stream, { unread: stream.writableLength, sinceMs: performance.now() });
      stream.once("close", () => open.delete(stream));
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
