// Parses the target of a request to the admin listener, and decides whether it may be answered at
// all.
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { StoreError } from "../base/errors.js";
import { isLoopbackHost, splitHostPort } from "../base/host-port.js";
import type { Identity } from "../model/access.js";
import type { Access, CallHeaders } from "../transport/auth/access.js";
import {
  certificateOfPeer,
  type ClientConnection,
  type PeerUser,
  type Via,
} from "../transport/auth/connections.js";
import { textAnswer, type Answer } from "./answer.js";

/** Describes how requests reach one listener. */
export interface ListenerFacts {
  readonly via: Via;
  /** True if the listener's address can only be reached from this machine. */
  readonly loopback: boolean;
}

/** Returns the answer for a request that no route may answer. Undefined if a route answers it. */
export function refusalOf(request: IncomingMessage, arrival: ListenerFacts): Answer | undefined {
  const { method = "", headers } = request;
  if (method !== "GET" && method !== "HEAD") {
    const text = `${method} is not allowed: this listener only answers GET and HEAD`;
    return { ...textAnswer(405, text), headers: { allow: "GET, HEAD", connection: "close" } };
  }
  const length = Number(headers["content-length"] ?? 0);
  if (length !== 0 || headers["transfer-encoding"] !== undefined) {
    const text = "a request must not have a body";
    return { ...textAnswer(400, text), headers: { connection: "close" } };
  }
  if (arrival.via === "tcp" && arrival.loopback && !namesThisMachine(headers.host)) {
    return textAnswer(421, "the Host header must name this machine, for example localhost");
  }
  // A page of another origin could not read the answer, so it must not cause the work of making it.
  if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate") {
    return textAnswer(403, "requests from pages of other origins are refused");
  }
  return undefined;
}

/**
 * Returns whether the header Host names this machine. If another host name resolves to 127.0.0.1
 * (DNS rebinding), this header contains the page's own host name.
 */
function namesThisMachine(host: string | undefined): boolean {
  if (host === undefined) return false;
  const parsed = splitHostPort(host) ?? splitHostPort(`${host}:80`);
  return parsed !== undefined && isLoopbackHost(parsed.host);
}

/** Returns the URL of a request. Undefined for a target that is not a path. */
export function urlOf(request: IncomingMessage): URL | undefined {
  const { url = "" } = request;
  if (!url.startsWith("/")) return undefined;
  try {
    return new URL(`http://localhost${url}`);
  } catch {
    return undefined;
  }
}

interface Identify {
  /**
   * Returns the identity of the caller. Throws CREDENTIALS_INVALID if the caller cannot be
   * identified.
   */
  (request: IncomingMessage, via: Via): Identity;
}

export function createIdentify(access: Access, peerUser: PeerUser): Identify {
  return (request, via) => access.identify(connectionOf(request, via, peerUser), shown(request));
}

function connectionOf({ socket }: IncomingMessage, via: Via, peerUser: PeerUser): ClientConnection {
  return {
    via,
    uid: via === "unix" ? peerUser(socket) : undefined,
    certificate: socket instanceof TLSSocket ? certificateOfPeer(socket) : undefined,
  };
}

/**
 * Returns the credentials that the headers contain. A header with characters that no token contains
 * is invalid and does not count as absent.
 */
function shown({ headers }: IncomingMessage): CallHeaders {
  const { authorization } = headers;
  const value = authorization !== undefined && /^[ -~]*$/.test(authorization) ? authorization : "";
  return { get: () => (authorization === undefined ? [] : [value]) };
}

export function peerOf({ socket }: IncomingMessage, via: Via): string {
  return via === "unix" ? "unix" : `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`;
}

export function busy(what: string): StoreError {
  return new StoreError("TOO_MANY_STREAMS", `too many ${what} at once`, {
    hint: "Try again soon",
    retryAfterMs: 1000,
  });
}
