// Accepts connections on TCP and Unix sockets, limits their number, and can close them all.
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { fieldInvalid, isStoreError, restated } from "../base/errors.js";
import { formatHostPort } from "../base/host-port.js";
import { errnoMetadata } from "../base/owner.js";
import { createRateLimiter } from "../base/rate-limiter.js";
import type { Logger } from "../base/logger.js";
import type { ConnectionSlots } from "./connection-slots.js";
import {
  errorCode,
  prepareSocketPath,
  restrictSocket,
  socketFailed,
  type SocketFile,
} from "./unix-socket.js";

export interface ListenerOptions {
  /** The slots of this listener alone. */
  readonly slots: ConnectionSlots;
  readonly logger: Logger;
  readonly onConnection: (socket: Socket) => void;
  /**
   * The server that accepts the connections. Its own listeners run after `onConnection`. Default: a
   * plain server, whose connections `onConnection` serves.
   */
  readonly server?: Server;
  /** The option that named the address, for messages. Default: `listen`. */
  readonly option?: string;
}

export interface Listener extends AsyncDisposable {
  /** `HOST:PORT` with the real port, or `unix:PATH`. Clients accept it as an address. */
  readonly address: string;
  /** The TCP port; 0 for a Unix socket. */
  readonly port: number;
  /**
   * Stops accepting connections, and deletes a Unix socket's file. Open connections stay open. A
   * second call has no effect.
   */
  close(): Promise<void>;
  /** Ends the open connections at once. */
  destroyConnections(): void;
}

export interface TcpAddress {
  readonly host: string;
  /** The TCP port. 0 picks a free port. */
  readonly port: number;
}

/**
 * Opens a listener on TCP. Throws FIELD_INVALID if the address is in use or does not belong to this
 * machine, or if this user may not use the port.
 */
export async function openTcpListener(
  address: TcpAddress,
  options: ListenerOptions,
): Promise<Listener> {
  const acceptor = createAcceptor(options);
  try {
    await listen(acceptor.server, { host: address.host, port: address.port });
  } catch (cause) {
    throw listenFailed(address, cause, options.option ?? "listen");
  }
  const bound = acceptor.server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return toListener(acceptor, formatHostPort({ host: address.host, port }), port);
}

/**
 * Opens a listener on a Unix socket. Throws FIELD_INVALID if the path is too long, if a process
 * listens on it, or if it is a file that is not a socket. The file gets mode 0600 unless `file`
 * says otherwise. A missing directory is made with mode 0700.
 */
export async function openUnixListener(
  path: string,
  options: ListenerOptions,
  file: SocketFile = {},
): Promise<Listener> {
  await prepareSocketPath(path);
  const acceptor = createAcceptor(options);
  try {
    await listenRestricted(acceptor.server, path);
    await restrictSocket(path, file);
  } catch (cause) {
    acceptor.server.close();
    if (isStoreError(cause)) throw cause;
    throw socketFailed(`listening on the socket ${path}`, cause, path);
  }
  return toListener(acceptor, `unix:${path}`, 0);
}

/**
 * Maximum number of refusals logged per second, because one client may reconnect thousands of
 * times.
 */
const maxRefusalsLogged = 5;

interface Acceptor {
  readonly server: Server;
  readonly slots: ConnectionSlots;
}

function createAcceptor(options: ListenerOptions): Acceptor {
  const { logger, slots } = options;
  const refusals = createRateLimiter(maxRefusalsLogged);
  const server = options.server ?? createServer({ noDelay: true });
  // This listener must run before those that the given server already has.
  server.prependListener("connection", (socket: Socket) => {
    if (!slots.take(socket)) {
      socket.destroy();
      const leftOut = refusals.take();
      if (leftOut === undefined) return;
      const why = "connection refused: too many are open";
      logger.warn({ maxConnections: slots.max, leftOut }, why);
      return;
    }
    // The HTTP/2 session handles the error too. Without this listener, an early error would end the
    // process.
    socket.on("error", (error) => logger.debug({ err: error }, "connection failed"));
    options.onConnection(socket);
  });
  server.once("listening", () => {
    // An error here is, for example, EMFILE on accept. The listener keeps working.
    server.on("error", (error) => logger.error({ err: error }, "listener failed"));
  });
  return { server, slots };
}

function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * Listens on a path that only the daemon's user may connect to. The file exists before `listen`
 * returns. Without this umask, anybody could connect until the mode of the file is set.
 */
async function listenRestricted(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = listen(server, { path });
  } finally {
    process.umask(before);
  }
  await listening;
}

function toListener({ server, slots }: Acceptor, address: string, port: number): Listener {
  let closed: Promise<void> | undefined;
  // `close` does not wait for the callback of `server.close`, which would wait for all connections
  // too. The port and the socket's file are free as soon as `server.close` returns.
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve) => {
      server.close();
      setImmediate(resolve);
    });
    return closed;
  };
  return {
    address,
    port,
    close,
    destroyConnections() {
      for (const socket of slots.sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: close,
  };
}

function listenFailed(address: TcpAddress, cause: unknown, option: string): Error {
  const shown = formatHostPort(address);
  switch (errorCode(cause)) {
    case "EADDRINUSE":
      return fieldInvalid(
        option,
        "an address that is free",
        shown,
        "Stop the program that has the port, or choose another; port 0 picks a free one",
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return fieldInvalid(option, "an address of this machine", shown);
    case "EACCES":
      return restated(
        fieldInvalid(
          option,
          "a port that this user may listen on",
          shown,
          "Ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one",
        ),
        { metadata: errnoMetadata(cause) },
      );
    default:
      return socketFailed(`listening on ${shown}`, cause);
  }
}
