// Authenticates callers: maps a client certificate, a bearer token or the socket to an identity.
import type { Clock } from "../../base/clock.js";
import { StoreError } from "../../base/errors.js";
import type { Identity } from "../../model/access.js";
import type { ClientConnection } from "./connections.js";

/** An identity that is bound to names of a client certificate. */
interface CertificateIdentity extends Identity {
  /** The names, any one of which suffices. See `certificateNames` for the notation. */
  readonly certificates: readonly string[];
}

export interface TokenSource {
  /** Returns the identity of the token. Undefined if the token is unknown or expired. */
  identify(token: string): Identity | undefined;
}

interface AccessOptions {
  /** Returns the current identities. */
  readonly identities: () => readonly CertificateIdentity[];
  readonly tokens?: TokenSource;
  /** The identity of callers over the Unix socket without a token. */
  readonly socket: Identity;
  /**
   * The identity of callers over TCP without a credential. If it is missing, such callers are
   * refused.
   */
  readonly anonymous?: Identity;
  readonly clock: Clock;
}

/** The headers of a call, which are the metadata of gRPC or the headers of HTTP. */
export interface CallHeaders {
  get(name: "authorization"): readonly (string | Buffer)[];
}

export interface Access {
  /**
   * Returns the identity of the caller. Throws CREDENTIALS_INVALID if the token or the certificate
   * is invalid or has no identity, or if the connection is closed. Also throws it if a caller over
   * TCP has no credential and `anonymous` is not set.
   */
  identify(connection: ClientConnection | undefined, headers: CallHeaders): Identity;
}

export const defaultAccess: Access = {
  identify: (connection) => ({
    name: connection?.via ?? "tcp",
    role: "operator",
    namePrefix: "",
    shared: true,
  }),
};

/**
 * Creates the access. A token takes precedence over the socket and over a certificate, because the
 * call itself carries the token.
 */
export function createAccess(options: AccessOptions): Access {
  return {
    identify(connection, headers) {
      const [authorization] = headers.get("authorization");
      if (authorization !== undefined) {
        return { ...byToken(options, String(authorization)), proof: "token" };
      }
      if (connection === undefined) throw invalid("The connection is closed");
      const { via, uid, certificate } = connection;
      if (via === "unix") {
        return { ...options.socket, proof: "socket", ...(uid === undefined ? {} : { uid }) };
      }
      if (certificate !== undefined) {
        return { ...byCertificate(options, connection), proof: "certificate" };
      }
      if (options.anonymous !== undefined) return { ...options.anonymous, proof: "none" };
      throw invalid("The call shows neither a client certificate nor a token");
    },
  };
}

function byToken({ tokens }: AccessOptions, authorization: string): Identity {
  const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
  const identity = token === undefined ? undefined : tokens?.identify(token);
  if (identity !== undefined) return identity;
  // The error does not say what is wrong with the token, because that would only help an attacker.
  throw invalid("The token is not known here, has expired or was revoked");
}

function byCertificate(
  { identities, clock }: AccessOptions,
  { certificate }: ClientConnection,
): Identity {
  // The certificate may have expired since the handshake. An unreadable date counts as expired.
  if (certificate?.trusted !== true || !(certificate.validUntil > clock.now())) {
    throw invalid(
      "The client certificate is not signed by the authority of client_ca, or has expired",
    );
  }
  const { names } = certificate;
  const found = identities().find(({ certificates }) =>
    certificates.some((name) => names.includes(name)),
  );
  if (found !== undefined) return found;
  const shown = names.slice(0, 8).join(", ");
  throw invalid(`No identity is bound to the client certificate with the names ${shown}`);
}

function invalid(message: string): StoreError {
  return new StoreError("CREDENTIALS_INVALID", message, {
    hint: "Ask the operator of the daemon for a token (`stasis token create`) or a certificate",
  });
}
