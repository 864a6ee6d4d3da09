// Reports how many bytes arrive on a stream, when they arrive.
//
// Relies on: Node calls `stream.push` for everything that arrives on an HTTP/2 stream
// (lib/internal/stream_base_commons.js). There is no event for this: under back-pressure a stream
// buffers up to its whole window without an event.
// For: the bytes that callers have sent and the daemon still holds have a bound (request-bytes.ts).
// Without the bound, thousands of streams with a partial message each exhaust the memory.
// If it changes: nothing is counted. That is silent, so the daemon logs a warning when a message
// has arrived that this hook has not seen, and the contract test fails.
import type { ServerHttp2Stream } from "node:http2";

/** Calls `onBytes` with the size of each piece, before the stream buffers the piece. */
export function watchArrivals(stream: ServerHttp2Stream, onBytes: (bytes: number) => void): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: Uint8Array | null, encoding?: BufferEncoding): boolean => {
    if (chunk !== null) onBytes(chunk.length);
    return push(chunk, encoding);
  };
}
