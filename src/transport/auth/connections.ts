// Records facts about each open connection: the kind of its listener, the user of the process at
// its other end, and its certificate. A call finds its connection by the mark of its stream
// (grpc-hooks/call-mark.ts).
import { randomBytes } from "node:crypto";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { certificateNames } from "./certificate-names.js";

export type Via = "tcp" | "unix";

export interface ClientConnection {
  readonly via: Via;
  /**
   * User id of the process at the other end of a Unix socket. Undefined for TCP, or if the user id
   * is unknown.
   */
  readonly uid: number | undefined;
  readonly certificate: ClientCertificate | undefined;
}

interface ClientCertificate {
  /**
   * Whether the configured authority signed the certificate, and the certificate had not expired at
   * the handshake.
   */
  readonly trusted: boolean;
  /**
   * The certificate's names in the notation of `certificateNames`. Empty unless the certificate is
   * trusted.
   */
  readonly names: readonly string[];
  /** The time at which the certificate expires. */
  readonly validUntil: Date;
}

export interface Connections {
  add(session: ServerHttp2Session, via: Via): ClientConnection;
  /** Returns the connection of the session. Undefined if the connection has closed. */
  of(session: ServerHttp2Session | undefined): ClientConnection | undefined;
  /** Returns a mark that no two streams share, even on different connections. */
  markFor(stream: ServerHttp2Stream): string;
  /**
   * Returns the connection of the stream with this mark. Undefined if the connection has closed.
   */
  ofMark(mark: string | undefined): ClientConnection | undefined;
}

/** Returns the user id of the process at the other end of a Unix socket. */
export type PeerUser = (socket: Socket | TLSSocket) => number | undefined;

export function createConnections(peerUser: PeerUser = () => undefined): Connections {
  const numbers = new WeakMap<ServerHttp2Session, string>();
  const open = new Map<string, ClientConnection>();
  const numberOf = (session: ServerHttp2Session | undefined): string =>
    (session && numbers.get(session)) ?? "";
  return {
    add(session, via) {
      const number = randomBytes(8).toString("hex");
      const uid = via === "unix" ? peerUser(session.socket) : undefined;
      const connection = { via, uid, certificate: certificateOf(session) };
      numbers.set(session, number);
      open.set(number, connection);
      session.once("close", () => open.delete(number));
      return connection;
    },
    of: (session) => open.get(numberOf(session)),
    markFor: ({ session, id }) => `${numberOf(session as ServerHttp2Session | undefined)}.${id}`,
    ofMark: (mark) => open.get(mark?.split(".")[0] ?? ""),
  };
}

function certificateOf(session: ServerHttp2Session): ClientCertificate | undefined {
  return session.encrypted === true ? certificateOfPeer(session.socket as TLSSocket) : undefined;
}

/** Returns the certificate of the peer. Undefined if the peer showed no certificate. */
export function certificateOfPeer(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const trusted = socket.authorized;
  const validUntil = new Date(certificate.validTo);
  return { trusted, names: trusted ? certificateNames(certificate) : [], validUntil };
}
