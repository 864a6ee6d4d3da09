// Finds the user of the process at the other end of a Unix socket.
//
// Relies on: `_handle.fd` of a socket (lib/net.js of Node) is its descriptor. Node has no public
// way to it, and SO_PEERCRED needs one.
// For: a caller on a Unix socket is identified by its user, without a token.
// If it changes: the user of every caller is unknown. That is loud and safe: a caller that is not
// known to be the daemon's own user or root has the rights of another user. The contract test
// fails.
import type { Socket } from "node:net";
import { peerUser } from "../../holes/native.js";

/** Returns the user of the peer. Undefined if the user cannot be determined. */
export function peerUserOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === "number" && fd >= 0 ? peerUser(fd) : undefined;
}
