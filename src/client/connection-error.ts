// Explains why there is no connection to a daemon, and what to do about it. The explanation comes
// from the report of grpc-js.
import { StoreError, type StoreErrorOptions } from "../base/errors.js";
import type { Address } from "./address.js";
import { readFailure, type ConnectionFailure } from "./grpc-hooks/failure-text.js";
import { socketRefusal } from "./socket-refusal.js";
import { speaksTls } from "./tls-probe.js";

/** Facts about the call that found no connection. */
export interface ConnectionFacts {
  readonly address: Address;
  /** True if this client uses TLS. */
  readonly secure: boolean;
  /** True if the daemon has sent a message in this call. */
  readonly answered: boolean;
}

interface Explanation {
  readonly reason: "DAEMON_UNREACHABLE" | "ACCESS_DENIED";
  readonly message: string;
  readonly hint: string;
}

/**
 * Returns the error for a call without a connection. `details` is the text of a status UNAVAILABLE
 * without a reason. The promise never rejects.
 */
export async function connectionError(
  details: string,
  facts: ConnectionFacts,
  options: StoreErrorOptions,
): Promise<StoreError> {
  const { reason, message, hint } = await explain(details, facts);
  return new StoreError(reason, message, {
    hint,
    ...options,
    metadata: { ...options.metadata, address: facts.address.text },
  });
}

async function explain(details: string, facts: ConnectionFacts): Promise<Explanation> {
  const { address, answered } = facts;
  const failure = readFailure(details);
  const why = failure.text;
  if (answered || failure.kind === "lost") {
    const hint = "See the daemon's log; when it runs again, retry";
    return unreachable(`lost the connection to ${address.text} (${why})`, hint);
  }
  if (/\b(EACCES|EPERM)\b/.test(why) && address.socketPath !== undefined) {
    return { reason: "ACCESS_DENIED", ...socketRefusal(address.socketPath) };
  }
  const mismatch = facts.secure ? tlsProblem(why, address) : await plainProblem(failure, address);
  const start = "Start one with `stasis serve`, or name another address with --addr or STASIS_ADDR";
  const where = address.tried ?? `${address.text} (${why})`;
  return mismatch ?? unreachable(`no daemon answers at ${where}`, start);
}

function unreachable(message: string, hint: string): Explanation {
  return { reason: "DAEMON_UNREACHABLE", message, hint };
}

/** Explains the failed handshake of a client with TLS. */
function tlsProblem(why: string, { text }: Address): Explanation | undefined {
  if (/wrong version number|packet length too long|http request|record layer/i.test(why)) {
    return unreachable(
      `the server at ${text} does not speak TLS (${why})`,
      "Leave out --tls, --tls-ca, --tls-cert and --tls-key (in a program: `tls`), or check the address",
    );
  }
  if (/\balert\b/i.test(why)) {
    return unreachable(
      `the daemon at ${text} refused the certificate of this client (${why})`,
      "Give --tls-cert and --tls-key a certificate that the daemon's client_ca has signed",
    );
  }
  if (/certificate|self.signed|SSL|TLS|issuer|altname/i.test(why)) {
    return unreachable(
      `the certificate of the daemon at ${text} is not trusted (${why})`,
      "Check that --tls-ca names the authority of its certificate, and that the address is a name in it",
    );
  }
  return undefined;
}

/** Explains the case of a client without TLS whose connection ended before an answer in HTTP/2. */
async function plainProblem(
  { kind, text }: ConnectionFailure,
  address: Address,
): Promise<Explanation | undefined> {
  if (kind !== "ended" && kind !== "notHttp2") return undefined;
  if (await speaksTls(address)) {
    return unreachable(
      `the daemon at ${address.text} expects TLS, and this client speaks plain text`,
      "Add --tls-ca FILE with the authority of its certificate, or --tls if this machine knows it " +
        "(in a program: the option `tls`)",
    );
  }
  if (kind === "notHttp2") {
    return unreachable(
      `the server at ${address.text} does not speak gRPC (${text})`,
      "Check the address: something else may listen there",
    );
  }
  return unreachable(
    `no daemon answers at ${address.text} (it closed the connection)`,
    "It may be starting, stopping or at its limit of connections: see its log, then retry",
  );
}
