// Stops and resumes the reading of a connection's socket.
//
// Relies on: `_handle.readStop` and `_handle.readStart` of a socket (lib/net.js of Node). HTTP/2
// reads its socket in native code, and node:http2 has no public way to pause that.
// For: a single read can bring a hundred streams, each of which takes a tenth of a millisecond. A
// connection that opens and resets streams in a loop would take all of the processor
// (reading-pace.ts, test/hostile/clients.test.ts).
// If it changes: reading is never paused. That is silent, so the daemon logs a warning on the first
// connection (`canPauseReading`), and the contract test fails.
import type { Http2Session } from "node:http2";

interface ReadableHandle {
  readStop?(): void;
  readStart?(): void;
}

export function canPauseReading(session: Http2Session): boolean {
  const handle = handleOf(session);
  return typeof handle?.readStop === "function" && typeof handle.readStart === "function";
}

export function pauseReading(session: Http2Session): void {
  handleOf(session)?.readStop?.();
}

export function resumeReading(session: Http2Session): void {
  handleOf(session)?.readStart?.();
}

function handleOf(session: Http2Session): ReadableHandle | undefined {
  const { _handle: handle } = session.socket as { _handle?: ReadableHandle | null };
  return handle ?? undefined;
}
