// Resets streams that were answered and whose clients do not read the answer.
//
// Relies on: `writableLength` of an HTTP/2 stream includes bytes that wait for the client's
// flow-control window, and falls when the client reads.
// For: grpc-js holds the answer until the connection closes, and the call no longer counts against
// any limit (test/hostile/slow-readers.test.ts).
// If it changes: if the length never falls, slow readers are reset too early, which is loud for
// them. If the length is always 0, every stream that stays open for `idleMs` after its answer is
// reset.
import { constants, type ServerHttp2Stream } from "node:http2";

export interface UnreadAnswers extends Disposable {
  /** Call it when the whole answer has been written to the stream. */
  answered(stream: ServerHttp2Stream): void;
}

/**
 * Creates the check. The check resets a stream of which the client reads nothing for `idleMs`,
 * after at most 1.5 × `idleMs`.
 */
export function createUnreadAnswers(idleMs: number): UnreadAnswers {
  /** For each stream, the unread bytes at the last check, and when their number last changed. */
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
