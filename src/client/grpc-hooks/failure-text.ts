// Reads the text of a status UNAVAILABLE that grpc-js made itself.
//
// Relies on: the texts of load-balancer-pick-first.js ("No connection established. Last error: ….
// Resolution note: …"), transport.js ("Failed to connect", "Protocol error" and a time after each)
// and subchannel-call.js ("Connection dropped"). grpc-js reports the cause in no other form.
// For: the error must say whether the daemon is not running, uses TLS, or is another program, and
// what to do.
// If it changes: the error says only that no daemon answers, followed by the whole text. The user
// sees that, and the contract test and test/access/connection-errors.test.ts fail.

export interface ConnectionFailure {
  /**
   * - `lost`: a connection that existed has ended.
   * - `ended`: the server closed a new connection before it sent an answer in HTTP/2.
   * - `notHttp2`: the server answered, but not in HTTP/2.
   * - `refused`: anything else, for example an error of the system or of TLS.
   */
  readonly kind: "lost" | "ended" | "notHttp2" | "refused";
  /** The cause alone: the message of the system, of OpenSSL or of node:http2. */
  readonly text: string;
}

export function readFailure(details: string): ConnectionFailure {
  const text = causeIn(details);
  return { kind: kindOf(details, text), text };
}

function kindOf(details: string, text: string): ConnectionFailure["kind"] {
  if (/dropped|reset|hang up|GOAWAY/i.test(details)) return "lost";
  if (text.startsWith("Protocol error")) return "notHttp2";
  return text.startsWith("Failed to connect") ? "ended" : "refused";
}

/** Strips the words that grpc-js adds to a cause, and OpenSSL's source location. */
function causeIn(details: string): string {
  return details
    .replace(/^.*Last error: (Error: )?/s, "")
    .replace(/\.?\s*(Resolution note:\s*)?$/, "")
    .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, "")
    .replace(/^[0-9A-F]+:error:[0-9A-F]+:SSL routines:[^:]*:([^:]*):.*$/s, "$1")
    .trim();
}
