// Parses addresses of a daemon: `HOST:PORT` or `unix:PATH`.
import { resolve } from "node:path";
import { fieldInvalid } from "../base/errors.js";
import { isLoopbackHost, maxSocketPathBytes, splitHostPort } from "../base/host-port.js";

export interface Address {
  /** The address as given, for messages. */
  readonly text: string;
  /** The address in the syntax of grpc-js. */
  readonly target: string;
  /** True for a Unix socket and for a loopback address, which most likely refer to this machine. */
  readonly local: boolean;
  /** The absolute path of a Unix socket. */
  readonly socketPath?: string;
  /** The host and the port of a TCP address. */
  readonly hostPort?: { readonly host: string; readonly port: number };
  /**
   * The addresses that were tried, each with the result. Set only if no address was given and no
   * daemon answered.
   */
  readonly tried?: string;
}

/** Parses an address. Throws FIELD_INVALID if `text` is malformed. */
export function parseAddress(text: string): Address {
  return text.startsWith("unix:") ? unixAddress(text) : tcpAddress(text);
}

function unixAddress(text: string): Address {
  // Both unix:PATH and unix:///PATH are in use.
  const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (path === "") throw invalidAddress(text);
  const absolute = resolve(path);
  const bytes = Buffer.byteLength(absolute);
  if (bytes > maxSocketPathBytes) {
    throw fieldInvalid(
      "address",
      `a socket path of at most ${maxSocketPathBytes} bytes, as the kernel allows`,
      `${bytes} bytes: ${absolute}`,
    );
  }
  return { text, target: `unix:${absolute}`, local: true, socketPath: absolute };
}

function tcpAddress(text: string): Address {
  const parts = splitHostPort(text);
  if (parts === undefined || parts.port === 0) throw invalidAddress(text);
  return { text, target: `dns:${text}`, local: isLoopbackHost(parts.host), hostPort: parts };
}

function invalidAddress(text: string): Error {
  return fieldInvalid(
    "address",
    "HOST:PORT or unix:PATH",
    text,
    "For example 127.0.0.1:7420, [::1]:7420 or unix:/var/lib/stasis/stasis.sock",
  );
}
