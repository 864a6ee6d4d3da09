// Parses and formats addresses `HOST:PORT`, and defines the maximum length of a Unix socket's path.
import { isIP } from "node:net";

/**
 * Maximum bytes of a socket's path. sockaddr_un.sun_path has 108 bytes, of which the last is NUL.
 */
export const maxSocketPathBytes = 107;

export interface HostPort {
  /** The host without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Parses `HOST:PORT` with an IPv6 host in brackets. Returns undefined if `text` is malformed. */
export function splitHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/[\]@]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/**
 * Formats an address as `HOST:PORT`, with an IPv6 host in brackets. `splitHostPort` accepts the
 * result.
 */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Returns true if the host can only refer to this machine. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
