// Answers a stream without grpc-js.
//
// Relies on: grpc-js has no state for a stream whose event `stream` it did not get (see
// windows.ts). A gRPC client accepts a Trailers-Only response (gRPC over HTTP/2, Responses).
// For: a refusal costs a tenth of what it costs in grpc-js, so that thousands of refused calls do
// not slow other callers down (test/hostile/clients.test.ts).
// If it changes: refused callers get INTERNAL or hang. That is loud in the tests of refusals.
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";

export interface EarlyStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: { toHttp2Headers(): OutgoingHttpHeaders };
}

/**
 * Ends the stream with this status. Its client may still send. The daemon discards that data until
 * the client stops, or `limitLinger` resets the stream.
 */
export function answerEarly(stream: ServerHttp2Stream, status: EarlyStatus): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond(
    {
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": status.code,
      "grpc-message": encodeURI(status.details),
      ...status.metadata.toHttp2Headers(),
    },
    { endStream: true },
  );
  stream.resume();
}

/**
 * Ends the stream with this status and closes it at once, for clients that leave hundreds of
 * streams open.
 */
export function answerAtOnce(stream: ServerHttp2Stream, status: EarlyStatus): void {
  answerEarly(stream, status);
  // Node 22 sends a reset before headers that were submitted in the same turn of the event loop,
  // and the client would not see the answer.
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
}
