// Makes calls to a peer. Errors name the peer, because they reach callers of this node.
import { isStoreError, StoreError, type ErrorReason } from "../base/errors.js";
import type { Client } from "../client/index.js";

export type PeerClient = Pick<
  Client,
  "getManifest" | "readTable" | "readBlocks" | "pull" | "close" | typeof Symbol.asyncDispose
>;

/** Wraps a client. `name` is the name by which callers know the peer. */
export function peerClient(name: string, client: Client): PeerClient {
  return {
    getManifest: (...call) => named(name, client.getManifest(...call)),
    readTable: (...call) => named(name, client.readTable(...call)),
    readBlocks: (...call) => named(name, client.readBlocks(...call)),
    pull: (...call) => named(name, client.pull(...call)),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function* named<T>(
  name: string,
  messages: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* messages;
  } catch (error) {
    throw isStoreError(error) && error.reason !== "CALL_CANCELLED" ? ofPeer(name, error) : error;
  }
}

function ofPeer(name: string, error: StoreError): StoreError {
  const { message, metadata, fields, resource, retryAfterMs, code } = error;
  const { reason, hint } = meaningOf(error);
  return new StoreError(reason, `peer ${name}: ${message}`, {
    ...{ metadata, fields, cause: error },
    ...(hint === undefined ? {} : { hint }),
    ...(resource === undefined ? {} : { resource }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(reason === "UNRECOGNIZED" ? { code } : {}),
  });
}

/**
 * Returns the reason and the hint for the caller. The caller cannot change the node's credentials,
 * and command-line options do not apply here.
 */
function meaningOf(error: StoreError): { reason: ErrorReason; hint: string | undefined } {
  switch (error.reason) {
    case "CREDENTIALS_INVALID":
    case "ACCESS_DENIED":
    case "ROLE_INSUFFICIENT": {
      const hint =
        "Check cert, key and token_file of the peer in [[peers]] here, and the role of this node there";
      return { reason: "PEER_REFUSED", hint };
    }
    case "DAEMON_UNREACHABLE": {
      const hint =
        "Check that it runs, and check address, tls, ca and server_name of the peer in [[peers]]";
      return { reason: error.reason, hint };
    }
    default:
      return error;
  }
}
