// Limits the connections of one listener. When all slots are taken, a new connection takes the slot
// of a stranger's connection, so that idle connections of strangers keep nobody out.
import type { Socket } from "node:net";
import type { Identity } from "../model/access.js";
import type { Peer } from "./grpc-hooks/windows.js";
import { maxPerIdentity } from "./semaphore.js";

export interface ConnectionSlots {
  readonly max: number;
  /**
   * Gives the connection a slot, or returns false. To free a slot, it may destroy another
   * connection.
   */
  take(socket: Socket): boolean;
  /**
   * Call it when a caller on this connection has an identity, so that the connection keeps its
   * slot. An identity that is not shared keeps up to three quarters of the slots. A new connection
   * can take the slot of any further connection of that identity, as it can take a stranger's.
   */
  trust(socket: Peer, identity: Identity): void;
  readonly sockets: Iterable<Socket>;
}

interface ConnectionSlot {
  readonly socket: Socket;
  /** Address and port of the other end. */
  readonly peer: string;
  readonly address: string;
  trusted: boolean;
}

export function createConnectionSlots(max: number): ConnectionSlots {
  /** Connections in the order in which they were opened. */
  const slots = new Map<Peer, ConnectionSlot>();
  const byPeer = new Map<string, ConnectionSlot>();
  const trustedOf = new Map<string, number>();

  const makeRoom = (): boolean => {
    const oldest = oldestOfTheMost(slots.values());
    if (oldest === undefined) return false;
    remove(oldest);
    oldest.socket.destroy();
    return true;
  };
  const remove = ({ socket, peer }: ConnectionSlot): void => {
    slots.delete(socket);
    if (byPeer.get(peer)?.socket === socket) byPeer.delete(peer);
  };
  return {
    max,
    take(socket) {
      if (slots.size >= max && !makeRoom()) return false;
      const { remoteAddress = "", remotePort } = socket;
      const peer = `${remoteAddress} ${remotePort}`;
      const slot = { socket, peer, address: remoteAddress, trusted: false };
      slots.set(socket, slot);
      // The other end of a Unix socket has no address.
      if (remotePort !== undefined) byPeer.set(peer, slot);
      socket.once("close", () => remove(slot));
      return true;
    },
    trust(peer, identity) {
      const slot = slots.get(peer) ?? byPeer.get(`${peer.remoteAddress} ${peer.remotePort}`);
      if (slot === undefined || slot.trusted) return;
      const key = identity.shared === true ? undefined : identity.name;
      if (key !== undefined) {
        const own = trustedOf.get(key) ?? 0;
        if (own >= maxPerIdentity(max)) return;
        trustedOf.set(key, own + 1);
        slot.socket.once("close", () => decrement(trustedOf, key));
      }
      slot.trusted = true;
    },
    get sockets() {
      return [...slots.values()].map(({ socket }) => socket);
    },
  };
}

/**
 * Returns the oldest stranger's connection from the address that has the most of them. A flood from
 * one machine therefore does not close new connections from other machines.
 */
function oldestOfTheMost(slots: Iterable<ConnectionSlot>): ConnectionSlot | undefined {
  const counts = new Map<string, { readonly oldest: ConnectionSlot; count: number }>();
  let most: { readonly oldest: ConnectionSlot; count: number } | undefined;
  for (const slot of slots) {
    if (slot.trusted) continue;
    const found = counts.get(slot.address) ?? { oldest: slot, count: 0 };
    found.count += 1;
    counts.set(slot.address, found);
    if (most === undefined || found.count > most.count) most = found;
  }
  return most?.oldest;
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}
