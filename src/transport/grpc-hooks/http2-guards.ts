// What is done to a stream before and after grpc-js, or in its place.
import { constants } from "node:http2";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { WireStatus } from "../status.js";

/** Largest delay of a Node timer, in whole seconds: 24.8 days. */
const maxTimeoutSeconds = Math.floor(0x7fffffff / 1000);
const timeoutUnitSeconds: Readonly<Record<string, number>> = {
  H: 3600,
  M: 60,
  S: 1,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
};

/**
 * grpc-js computes timeouts in 32-bit milliseconds: a deadline more than 24.8 days away wraps around
 * and ends the call at once. Such a timeout is shortened to the longest that works.
 */
export function clampTimeout(headers: IncomingHttpHeaders): void {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return;
  const seconds = Number(amount) * (timeoutUnitSeconds[unit] ?? 0);
  if (seconds > maxTimeoutSeconds) headers["grpc-timeout"] = `${maxTimeoutSeconds}S`;
}

/**
 * A call that is answered before its client has finished sending goes on being read and thrown
 * away, so that the answer arrives rather than a reset. Clients stop when they see it; one that does
 * not is reset after `lingerMs` (RFC 9113, 8.1: NO_ERROR after a complete response).
 */
export function limitLinger(stream: ServerHttp2Stream, lingerMs: number): void {
  stream.once("finish", () => {
    if (stream.readableEnded || stream.closed) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
    timer.unref();
    stream.once("close", () => clearTimeout(timer));
  });
}

/**
 * Answers a stream without grpc-js, at a tenth of the cost. Its client may still send, and what comes
 * is thrown away; see `limitLinger`.
 */
export function answerEarly(stream: ServerHttp2Stream, status: WireStatus): void {
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

/** The same, but the stream closes at once: for clients that leave streams open by the hundred. */
export function answerAtOnce(stream: ServerHttp2Stream, status: WireStatus): void {
  answerEarly(stream, status);
  // Node 22 sends a reset before headers of the same turn, and the answer would be lost.
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
}
