// The places for connections of one listener. Where all are taken, the newcomer gets that of the
// oldest connection on which nobody has made a call that was let in: who can only connect, and who
// connects and waits, shuts nobody out.
import type { Socket } from "node:net";

export interface Places {
  readonly max: number;
  /** Gives the newcomer a place, or returns false. What had to make room for it is destroyed. */
  take(socket: Socket): boolean;
  /** A caller on it is known: it keeps its place. Takes the socket, or one that wraps it. */
  trust(socket: Pick<Socket, "remoteAddress" | "remotePort">): void;
  readonly sockets: Iterable<Socket>;
}

export function createPlaces(max: number): Places {
  /** In the order in which they came. */
  const sockets = new Map<Socket, { readonly peer: string; trusted: boolean }>();
  const makeRoom = (): boolean => {
    for (const [socket, { trusted }] of sockets) {
      if (trusted) continue;
      sockets.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  return {
    max,
    take(socket) {
      if (sockets.size >= max && !makeRoom()) return false;
      sockets.set(socket, { peer: peerOf(socket), trusted: false });
      socket.once("close", () => sockets.delete(socket));
      return true;
    },
    trust(socket) {
      const peer = peerOf(socket);
      for (const place of sockets.values()) if (place.peer === peer) place.trusted = true;
    },
    get sockets() {
      return sockets.keys();
    },
  };
}

/** TLS and HTTP/2 hand out wrappers, which know the other end and not what they wrap. */
function peerOf({
  remoteAddress,
  remotePort,
}: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}
