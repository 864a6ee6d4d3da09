// Opens a connection with hand-made HTTP/2 frames, which may or may not acknowledge the server's
// settings.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  framesOf,
  http2Frame,
  http2Preface,
  settingsFrame,
  type Frame,
} from "../support/http2-frame.js";

export interface RawConnection {
  readonly socket: Socket;
  /** Resolves when the kernel has accepted the bytes, or the connection is closed. */
  send(...frames: readonly Buffer[]): Promise<void>;
  /** Returns the frames that the server has sent. */
  frames(): readonly Frame[];
  readonly closed: Promise<unknown>;
}

export interface RawOptions {
  /** True if the connection acknowledges the first settings of the server. */
  readonly acknowledges: boolean;
  /** The client's own settings, as entries of six bytes each. */
  readonly settings?: Buffer;
}

const ackFlag = 1;

/** Opens a connection. `address` is `HOST:PORT`. Errors of the connection are expected. */
export async function openRawConnection(
  address: string,
  { acknowledges, settings = Buffer.alloc(0) }: RawOptions,
): Promise<RawConnection> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect(Number(port), host);
  const received: Buffer[] = [];
  socket.on("error", () => undefined).on("data", (bytes: Buffer) => received.push(bytes));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await Promise.race([once(socket, "connect"), closed]);
  const send = async (...frames: readonly Buffer[]): Promise<void> => {
    const written = new Promise((resolve) => socket.write(Buffer.concat(frames), resolve));
    await Promise.race([written, closed]);
  };
  await send(http2Preface, http2Frame(settingsFrame, 0, 0, settings));
  if (acknowledges) {
    await Promise.race([once(socket, "data"), closed]);
    await send(http2Frame(settingsFrame, ackFlag, 0, Buffer.alloc(0)));
  }
  return { socket, send, frames: () => framesOf(Buffer.concat(received)), closed };
}

/** Returns the id of a client's stream, counted from 0. */
export function streamId(index: number): number {
  return 2 * index + 1;
}
