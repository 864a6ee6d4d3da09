// Addresses of a daemon as people write them: `HOST:PORT` or `unix:PATH`.
import { resolve } from "node:path";
import { fieldInvalid } from "../base/errors.js";
import { isLoopbackHost, maxSocketPathBytes, splitHostPort } from "../base/host-port.js";

export interface Address {
  /** As it was given; used in messages. */
  readonly text: string;
  /** As grpc-js names it. */
  readonly target: string;
  /** True for a Unix socket and for a loopback address: most likely this very machine. */
  readonly local: boolean;
  /** Of a Unix socket: its absolute path. */
  readonly socketPath?: string;
  /** Of a TCP address. */
  readonly hostPort?: { readonly host: string; readonly port: number };
  /** When no address was given and no daemon answered: what was tried, and what came of each. */
  readonly tried?: string;
}

/** Throws FIELD_INVALID if `text` is no address. */
export function parseAddress(text: string): Address {
  return text.startsWith("unix:") ? unixAddress(text) : tcpAddress(text);
}

function unixAddress(text: string): Address {
  // unix:PATH and unix:///PATH are both in use.
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
