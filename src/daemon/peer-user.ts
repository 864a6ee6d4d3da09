// Finds the user of the process at the other end of a Unix socket.
import type { Socket } from "node:net";
import { peerUser } from "../holes/native.js";

/** Undefined if the user cannot be determined. */
export function peerUserOf(socket: Socket): number | undefined {
  // Node has no public way to the descriptor of a socket. Failing is safe: a caller that is not
  // known to be the daemon's own user or root is treated as another user.
  const { _handle: handle } = socket as { _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === "number" && fd >= 0 ? peerUser(fd) : undefined;
}
