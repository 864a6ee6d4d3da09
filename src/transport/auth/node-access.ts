// Decides which callers may let the daemon use directories and sockets of its node. The rules apply
// to the calls whose request has a path.
//
// The daemon uses its own rights, often root's, so a caller must not gain rights that it lacks
// itself:
// - A caller over TCP without a credential never reaches anything, whatever the configuration.
// - The daemon's own user and root, over the Unix socket, reach whatever they could reach without
//   the daemon. If `allowed_directories` is set, they reach only these directories.
// - Any other user over the Unix socket reaches its own directories in `allowed_directories`.
// - A caller with a token or a certificate has no user id. It reaches all of `allowed_directories`,
//   and nothing if the option is not set.
// - Only the daemon's own user and root, over the Unix socket, may name a Unix socket of the node.
//
// The kernel identifies the user at the other end of a Unix socket. The mode of the socket's file
// does not identify the user, because the mode may change.
import { StoreError } from "../../base/errors.js";
import type { Identity } from "../../model/access.js";
import type { DirectoryRules } from "../../model/caller-path.js";

export interface NodePolicy {
  /** The value of `allowed_directories`. Undefined if the option is not set. */
  readonly allowedDirectories: readonly string[] | undefined;
  /** Effective user id of the daemon. Undefined if the platform has no user ids. */
  readonly ownUid: number | undefined;
}

/**
 * Returns the rules for the caller's directories. `method` is for messages. Throws
 * CREDENTIALS_INVALID for callers over TCP without a credential, and ROLE_INSUFFICIENT if the
 * caller may not use any directory.
 */
export function directoryRules(
  identity: Identity,
  method: string,
  policy: NodePolicy,
): DirectoryRules {
  requireProof(identity, method);
  const { allowedDirectories: within } = policy;
  const own = isOwnUser(identity, policy);
  if (within === undefined) {
    if (own) return {};
    throw denied(
      identity,
      `${identity.name} may not have the daemon use directories of the node, as ${method} does`,
      "Set allowed_directories in the daemon's configuration, or call as the daemon's own user " +
        "or root over its Unix socket, without a token",
    );
  }
  if (own || identity.proof !== "socket") return { within };
  if (identity.uid === undefined) {
    throw denied(identity, "the kernel does not say which user calls", "Call with a token");
  }
  return { within, owner: identity.uid };
}

/**
 * Throws if the address is that of a Unix socket and the caller may not let the daemon connect to
 * it.
 */
export function checkSocketAddress(
  address: string,
  identity: Identity,
  method: string,
  policy: NodePolicy,
): void {
  if (!address.startsWith("unix:")) return;
  requireProof(identity, method);
  if (isOwnUser(identity, policy)) return;
  throw denied(
    identity,
    `${identity.name} may not have the daemon connect to the socket ${address}`,
    "Name a peer of [[peers]] in the daemon's configuration file, or give HOST:PORT",
  );
}

/** Throws CREDENTIALS_INVALID for callers over TCP without a credential. */
export function requireProof({ proof }: Identity, method: string): void {
  if (proof !== undefined && proof !== "none") return;
  throw new StoreError(
    "CREDENTIALS_INVALID",
    `${method} reaches files of the node, and is never for callers over TCP without a credential`,
    {
      hint: "Call over the Unix socket, or set tokens or client_ca in the daemon's configuration",
    },
  );
}

function isOwnUser({ proof, uid }: Identity, { ownUid }: NodePolicy): boolean {
  return proof === "socket" && uid !== undefined && (uid === 0 || uid === ownUid);
}

function denied({ role }: Identity, message: string, hint: string): StoreError {
  return new StoreError("ROLE_INSUFFICIENT", message, { hint, metadata: { role } });
}
