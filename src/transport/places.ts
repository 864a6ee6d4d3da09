// The places for connections of one listener. When all are taken, a newcomer gets the place of the
// oldest connection on which no caller is known, so that connections that only wait keep nobody out.
import type { Socket } from "node:net";
import type { Identity } from "../model/access.js";
import { ownShare } from "./shares.js";

export interface Places {
  readonly max: number;
  /** Gives the newcomer a place, or returns false. The connection that has to go is destroyed. */
  take(socket: Socket): boolean;
  /**
   * A caller on this connection is known, so the connection keeps its place. An identity gets three
   * quarters of the places like this; its further connections may have to go like a stranger's.
   */
  trust(socket: Peer, identity: Identity): void;
  readonly sockets: Iterable<Socket>;
}

/** A socket, or what wraps it: TLS and HTTP/2 hand out wrappers, which know only the other end. */
export type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

interface Place {
  readonly socket: Socket;
  /** Address and port of the other end. */
  readonly peer: string;
  readonly address: string;
  trusted: boolean;
}

export function createPlaces(max: number): Places {
  /** In the order in which they came. */
  const places = new Map<Peer, Place>();
  const byPeer = new Map<string, Place>();
  const trustedOf = new Map<string, number>();

  const makeRoom = (): boolean => {
    const oldest = oldestOfTheMost(places.values());
    if (oldest === undefined) return false;
    remove(oldest);
    oldest.socket.destroy();
    return true;
  };
  const remove = ({ socket, peer }: Place): void => {
    places.delete(socket);
    if (byPeer.get(peer)?.socket === socket) byPeer.delete(peer);
  };
  return {
    max,
    take(socket) {
      if (places.size >= max && !makeRoom()) return false;
      const { remoteAddress = "", remotePort } = socket;
      const peer = `${remoteAddress} ${remotePort}`;
      const place = { socket, peer, address: remoteAddress, trusted: false };
      places.set(socket, place);
      // The other end of a Unix socket has no address.
      if (remotePort !== undefined) byPeer.set(peer, place);
      socket.once("close", () => remove(place));
      return true;
    },
    trust(peer, identity) {
      const place = places.get(peer) ?? byPeer.get(`${peer.remoteAddress} ${peer.remotePort}`);
      if (place === undefined || place.trusted) return;
      const key = identity.shared === true ? undefined : identity.name;
      if (key !== undefined) {
        const own = trustedOf.get(key) ?? 0;
        if (own >= ownShare(max)) return;
        trustedOf.set(key, own + 1);
        place.socket.once("close", () => giveBack(trustedOf, key));
      }
      place.trusted = true;
    },
    get sockets() {
      return [...places.values()].map(({ socket }) => socket);
    },
  };
}

/**
 * Of the address that has the most connections without a known caller, the oldest of these: a crowd
 * from one machine does not close the connections that others have just opened.
 */
function oldestOfTheMost(places: Iterable<Place>): Place | undefined {
  const counts = new Map<string, { readonly oldest: Place; count: number }>();
  let most: { readonly oldest: Place; count: number } | undefined;
  for (const place of places) {
    if (place.trusted) continue;
    const found = counts.get(place.address) ?? { oldest: place, count: 0 };
    found.count += 1;
    counts.set(place.address, found);
    if (most === undefined || found.count > most.count) most = found;
  }
  return most?.oldest;
}

function giveBack(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}
