// Where a client finds the daemon when it is not told, and which hosts are this machine.
import { statSync } from "node:fs";
import { isIP } from "node:net";
import { defaultListen, defaultRoot, defaultSocket, daemonOptions } from "./daemon-options.js";

/** Variable with the daemon's address, `HOST:PORT` or `unix:PATH`. */
export const addressEnv = "STASIS_ADDR";

/** sockaddr_un.sun_path holds 108 bytes, the last one NUL. */
export const maxSocketPathBytes = 107;

/**
 * STASIS_ADDR; else the socket that a daemon with default options (or with this STASIS_ROOT and
 * STASIS_SOCKET) makes, if it is there; else the default TCP address.
 */
export function defaultAddress(env: Readonly<Record<string, string | undefined>>): string {
  const given = env[addressEnv];
  if (given !== undefined && given !== "") return given;
  const root = env[daemonOptions.root.env] || defaultRoot(env);
  const socket = env[daemonOptions.socket.env] || defaultSocket(root);
  return isSocket(socket) ? `unix:${socket}` : defaultListen;
}

export function isLoopbackHost(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
