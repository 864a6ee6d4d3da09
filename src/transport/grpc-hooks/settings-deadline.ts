// Closes connections whose client does not acknowledge the server's SETTINGS.
//
// Relies on: node:http2 emits `localSettings` when the client has acknowledged the settings that
// the session began with.
// For: the limits that the settings announce bind a client only after that. An honest client
// acknowledges at once. A hostile client could avoid all limits by never acknowledging.
// If it changes: without the event every connection closes after the timeout, which is loud. If the
// event came without an acknowledgement, nobody would notice, except the contract test.
import { constants, type ServerHttp2Session } from "node:http2";

/** RFC 9113, 6.5.3: SETTINGS_TIMEOUT. */
const { NGHTTP2_SETTINGS_TIMEOUT } = constants;

export function closeUnlessAcknowledged(session: ServerHttp2Session, timeoutMs: number): void {
  const timer = setTimeout(() => {
    const error = new Error(`the client did not acknowledge the settings in ${timeoutMs} ms`);
    session.destroy(error, NGHTTP2_SETTINGS_TIMEOUT);
  }, timeoutMs);
  timer.unref();
  const stop = (): void => clearTimeout(timer);
  session.once("localSettings", stop);
  session.once("close", stop);
}
