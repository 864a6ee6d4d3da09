// Whose process is at the other end of a Unix socket.
import type { Socket } from "node:net";
import { peerUser } from "../holes/native.js";

/** Undefined when it cannot be told. */
export function peerUserOf(socket: Socket): number | undefined {
  // Node has no public way to the descriptor of a socket. Without it nobody gains anything: whoever is
  // not known to be the daemon's own user or root is treated as another user.
  const { _handle: handle } = socket as { _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === "number" && fd >= 0 ? peerUser(fd) : undefined;
}
