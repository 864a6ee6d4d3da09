// Lists the HTTP/2 error codes (RFC 9113, 7) that files outside this folder use. The codes are
// public; this file has them so that only this folder loads node:http2.
import { constants } from "node:http2";

/** The peer behaves in a way that could overload the daemon. */
export const enhanceYourCalm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
