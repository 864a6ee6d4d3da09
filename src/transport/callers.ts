// Identifies the caller of each stream once, before grpc-js sees the stream. Streams of strangers
// are therefore refused at little cost, and have a small limit of their own.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import { isStoreError, type StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { Access } from "./auth/access.js";
import type { ClientConnection, Connections, Via } from "./auth/connections.js";

export interface Caller {
  /** The identity of the caller. Undefined for a stranger. */
  readonly identity: Identity | undefined;
  /** The reason why there is no identity. Undefined if there is one. */
  readonly refusal: StoreError | undefined;
  /**
   * Whether the caller uses the Unix socket or showed a valid credential, so that strangers cannot
   * pretend to be it.
   */
  readonly isKnown: boolean;
}

export interface Callers {
  /**
   * Adds a connection. Calls `onIdentity` once, for the first stream whose caller has an identity.
   */
  addSession(
    session: ServerHttp2Session,
    via: Via,
    onIdentity: (identity: Identity) => void,
  ): ClientConnection;
  /** Identifies the caller of a stream. Call it for each stream before grpc-js sees the stream. */
  identify(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Caller;
}

export function createCallers(access: Access, connections: Connections): Callers {
  const waiting = new WeakMap<ServerHttp2Session, (identity: Identity) => void>();
  /**
   * The caller of all streams over TCP without credentials. They share one error, because making an
   * error costs more than the rest of a refusal.
   */
  let callerThatShowsNothing: Caller | undefined;

  function ask(connection: ClientConnection | undefined, headers: IncomingHttpHeaders): Caller {
    const { authorization } = headers;
    const showsNothing =
      authorization === undefined &&
      connection?.via === "tcp" &&
      connection.certificate === undefined;
    if (!showsNothing) return identify(connection, authorization, true);
    return (callerThatShowsNothing ??= identify(connection, authorization, false));
  }

  function identify(
    connection: ClientConnection | undefined,
    authorization: string | undefined,
    isKnown: boolean,
  ): Caller {
    try {
      const identity = access.identify(connection, authorizationOf(authorization));
      return { identity, refusal: undefined, isKnown };
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return { identity: undefined, refusal: error, isKnown: false };
    }
  }

  return {
    addSession(session, via, onIdentity) {
      waiting.set(session, onIdentity);
      return connections.add(session, via);
    },
    identify(stream, headers) {
      const session = stream.session as ServerHttp2Session | undefined;
      const caller = ask(connections.of(session), headers);
      if (caller.identity !== undefined && session !== undefined) {
        waiting.get(session)?.(caller.identity);
        waiting.delete(session);
      }
      return caller;
    },
  };
}

/**
 * Returns the header that decides the identity, in the form that the rechecks of running calls use.
 */
function authorizationOf(value: string | undefined): Metadata {
  const metadata = new Metadata();
  if (value === undefined) return metadata;
  // Metadata refuses characters that no token contains. Such a header is invalid, not absent.
  metadata.set("authorization", /^[ -~]*$/.test(value) ? value : "");
  return metadata;
}
