// Addresses as people write them: `HOST:PORT`, and what a Unix socket's path may be.
import { isIP } from "node:net";

/** sockaddr_un.sun_path holds 108 bytes, the last one NUL. */
export const maxSocketPathBytes = 107;

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT` with an IPv6 host in brackets, or undefined if `text` is none. */
export function splitHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/[\]@]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** True if only this machine can be meant. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
