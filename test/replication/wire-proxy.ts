// Runs a TCP proxy that counts bytes, cuts or freezes the link after a number of bytes, and can
// intercept a piece.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";

/** The direction `up` leads from the caller to the target, and `down` leads back. */
export type Direction = "up" | "down";

export interface WireProxy extends AsyncDisposable {
  /** The address `127.0.0.1:PORT`. */
  readonly address: string;
  /** Returns the number of bytes in both directions since the last `cutAfter`. */
  passedBytes(): number;
  /**
   * Restarts the count of bytes. When it reaches `bytes`, the proxy forwards nothing more on the
   * connection that exceeds it, and closes this connection. If `how` is a function, the proxy calls
   * it instead, and the function must close the connection.
   */
  cutAfter(bytes: number, how?: "reset" | "close" | (() => void)): void;
  /**
   * Freezes the link after this many more bytes: nothing passes, and no connection ends. A link
   * behaves this way when its other end disappears without closing the connection.
   */
  freezeAfter(bytes: number): void;
  /** Closes the connections that were frozen. New connections work. */
  thaw(): void;
  /** Sets the target of new connections. */
  setTarget(target: string): void;
  /**
   * Makes the nth piece in that direction, counted from now and from 1, wait until `meet` decides
   * whether the piece passes. If not, its connection is reset.
   */
  meetPiece(direction: Direction, nth: number, meet: () => Promise<boolean>): void;
}

/** Opens a proxy. `target` is `127.0.0.1:PORT`. */
export async function openWireProxy(target: string): Promise<WireProxy> {
  let port = portOf(target);
  const sockets = new Set<Socket>();
  let passed = 0;
  let budget = Number.POSITIVE_INFINITY;
  let how: "reset" | "close" | (() => void) = "reset";
  const end = (socket: Socket): void => {
    if (how === "reset") socket.resetAndDestroy();
    else socket.destroy();
  };
  let freezeAt = Number.POSITIVE_INFINITY;
  let meeting: { direction: Direction; left: number; meet: () => Promise<boolean> } | undefined;
  const join = (from: Socket, to: Socket, direction: Direction): void => {
    sockets.add(from);
    from.on("data", (chunk: Buffer) => {
      if (meeting?.direction === direction && --meeting.left === 0) {
        from.pause();
        void meeting.meet().then((passes) => {
          if (passes && !to.destroyed) to.write(chunk);
          else [from, to].forEach((socket) => socket.resetAndDestroy());
          from.resume();
        });
        return;
      }
      if (passed >= freezeAt) return;
      const allowed = budget - passed;
      passed += Math.min(chunk.length, Math.max(0, allowed));
      if (chunk.length > allowed && typeof how === "function") {
        const strike = how;
        how = () => undefined;
        strike();
      } else if (chunk.length > allowed) {
        if (allowed > 0) to.write(chunk.subarray(0, allowed), () => end(to));
        else end(to);
        end(from);
      } else if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      if (passed < freezeAt) to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    join(near, far, "up");
    join(far, near, "down");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    passedBytes: () => passed,
    cutAfter: (bytes, kind = "reset") => {
      passed = 0;
      budget = bytes;
      how = kind;
    },
    freezeAfter: (bytes) => void (freezeAt = passed + bytes),
    thaw: () => {
      if (passed >= freezeAt) sockets.forEach((socket) => socket.destroy());
      freezeAt = Number.POSITIVE_INFINITY;
    },
    setTarget: (next) => void (port = portOf(next)),
    meetPiece: (direction, nth, meet) => {
      meeting = { direction, left: nth, meet };
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
