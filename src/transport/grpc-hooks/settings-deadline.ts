// Closes connections whose client does not acknowledge the server's SETTINGS.
//
// Relies on: node:http2 emits `localSettings` when the client has acknowledged the settings with
// which the session began.
// For: the limits in the settings bind a client only after it has acknowledged them. An honest
// client acknowledges them at once. A hostile client could avoid all limits by never acknowledging.
// If it changes: without the event every connection closes after the timeout, which is loud. If the
// event came without an acknowledgement, only the contract test would notice.
import { constants, type ServerHttp2Session } from "node:http2";

/** SETTINGS_TIMEOUT of RFC 9113, 6.5.3. */
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
