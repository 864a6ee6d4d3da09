// What is known of a connection and of a stream, found again from a call. grpc-js shows an interceptor
// neither the stream nor its connection, so each stream gets a header with the numbers of both.
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Metadata } from "@grpc/grpc-js";
import { certificateNames } from "./certificate-names.js";

export type Via = "tcp" | "unix";

export interface Connection {
  readonly via: Via;
  /** User id of the process at the other end of a Unix socket, if it can be told. */
  readonly uid: number | undefined;
  readonly certificate: ClientCertificate | undefined;
}

export interface ClientCertificate {
  /** Signed by the configured authority, and in its time. */
  readonly trusted: boolean;
  /** What it names, in the notation of `certificateNames`; empty unless it is trusted. */
  readonly names: readonly string[];
  /** When its time is over. */
  readonly validUntil: Date;
}

export interface Connections {
  add(session: ServerHttp2Session, via: Via): Connection;
  /** Undefined when it has closed. */
  of(session: ServerHttp2Session | undefined): Connection | undefined;
  /**
   * Before grpc-js sees the headers. Whatever the client sent under that name is overwritten. Returns
   * what `streamKey` finds in the metadata of the call.
   */
  mark(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): string;
  /** The connection of the call that has this metadata; undefined when it has closed. */
  ofCall(metadata: Metadata): Connection | undefined;
}

const header = "stasis-connection";

/** `peerUser` tells whose process is at the other end of a Unix socket. */
export type PeerUser = (socket: Socket | TLSSocket) => number | undefined;

export function createConnections(peerUser: PeerUser = () => undefined): Connections {
  const numbers = new WeakMap<ServerHttp2Session, string>();
  const open = new Map<string, Connection>();
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
    mark({ session, id }, headers) {
      const key = `${numberOf(session as ServerHttp2Session | undefined)}.${id}`;
      headers[header] = key;
      return key;
    },
    ofCall: (metadata) => open.get(streamKey(metadata).split(".")[0] ?? ""),
  };
}

/** The same for no two streams, also of different connections. */
export function streamKey(metadata: Metadata): string {
  return String(metadata.get(header)[0]);
}

function certificateOf(session: ServerHttp2Session): ClientCertificate | undefined {
  if (session.encrypted !== true) return undefined;
  const socket = session.socket as TLSSocket;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const trusted = socket.authorized;
  const validUntil = new Date(certificate.validTo);
  return { trusted, names: trusted ? certificateNames(certificate) : [], validUntil };
}
