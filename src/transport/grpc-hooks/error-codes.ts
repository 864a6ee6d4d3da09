// The HTTP/2 error codes that the transport resets streams and connections with (RFC 9113, 7).
// They are public; they are here so that only this folder loads node:http2.
import { constants } from "node:http2";

/** The peer behaves in a way that could overload the daemon. */
export const enhanceYourCalm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
