// What is known of a connection, found again from a call on it. grpc-js shows an interceptor neither
// the stream nor its connection, so that each stream gets a header with the number of its own.
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Metadata } from "@grpc/grpc-js";
import { certificateNames } from "./certificate-names.js";

export type Via = "tcp" | "unix";

export interface Connection {
  readonly via: Via;
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
  /** `onTrust` is called once, if at all. */
  add(session: ServerHttp2Session, via: Via, onTrust: () => void): void;
  /** Before grpc-js sees the headers. Whatever the client sent under that name is overwritten. */
  mark(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void;
  /** A call on it, which has this metadata, came from somebody who is known. */
  trust(metadata: Metadata): void;
  /** The connection of the call that has this metadata; undefined when it has closed. */
  of(metadata: Metadata): Connection | undefined;
}

const key = "stasis-connection";

export function createConnections(): Connections {
  const numbers = new WeakMap<ServerHttp2Session, string>();
  const open = new Map<string, Connection>();
  const untrusted = new Map<string, () => void>();
  return {
    add(session, via, onTrust) {
      const number = randomBytes(8).toString("hex");
      numbers.set(session, number);
      open.set(number, { via, certificate: certificateOf(session) });
      untrusted.set(number, onTrust);
      session.once("close", () => {
        open.delete(number);
        untrusted.delete(number);
      });
    },
    mark({ session }, headers) {
      headers[key] = (session && numbers.get(session as ServerHttp2Session)) ?? "";
    },
    trust(metadata) {
      const number = numberOf(metadata);
      untrusted.get(number)?.();
      untrusted.delete(number);
    },
    of: (metadata) => open.get(numberOf(metadata)),
  };
}

function numberOf(metadata: Metadata): string {
  return String(metadata.get(key)[0]);
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
