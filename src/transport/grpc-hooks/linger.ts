// Bounds how long a client may continue to send after its call was answered.
//
// Relies on: grpc-js continues to read a stream that it has answered, and discards the data
// (`notifyOnCancel` resumes the stream). A stream emits `finish` when its answer has been passed to
// the connection.
// For: the answer arrives rather than a reset, but a client that never stops sending cannot keep
// the stream forever. Clients stop when they see the answer.
// If it changes: a client sees a reset instead of the answer, or a stream stays open until its
// client closes it. Both are silent; test/unit/transport/streams.test.ts and the contract test
// fail.
import { constants, type ServerHttp2Stream } from "node:http2";

/**
 * Resets the stream `lingerMs` after its answer, unless it has closed by then (RFC 9113, 8.1:
 * NO_ERROR after a whole response).
 */
export function limitLinger(stream: ServerHttp2Stream, lingerMs: number): void {
  stream.once("finish", () => {
    if (stream.readableEnded || stream.closed) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
    timer.unref();
    stream.once("close", () => clearTimeout(timer));
  });
}
