// Closes connections whose client does not acknowledge the server's SETTINGS.
//
// Until then the client is not bound by the limits that the settings announce, so a connection that
// stays like this is worth nothing to an honest client and much to a hostile one.
import { constants, type ServerHttp2Session } from "node:http2";

/** RFC 9113, 6.5.3: SETTINGS_TIMEOUT. */
const { NGHTTP2_SETTINGS_TIMEOUT } = constants;

export function closeUnlessAcknowledged(session: ServerHttp2Session, timeoutMs: number): void {
  const timer = setTimeout(() => {
    const error = new Error(`the client did not acknowledge the settings in ${timeoutMs} ms`);
    session.destroy(error, NGHTTP2_SETTINGS_TIMEOUT);
  }, timeoutMs);
  timer.unref();
  const settle = (): void => clearTimeout(timer);
  session.once("localSettings", settle);
  session.once("close", settle);
}
