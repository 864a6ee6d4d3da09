// Where a client finds the daemon when it is not told.
import { statSync } from "node:fs";
import {
  defaultListen,
  defaultRoot,
  defaultSocket,
  rootEnv,
  socketEnv,
  type Environment,
} from "./places.js";

/** Variable with the daemon's address, `HOST:PORT` or `unix:PATH`. */
export const addressEnv = "STASIS_ADDR";

/**
 * STASIS_ADDR; else the socket that a daemon with default options (or with this STASIS_ROOT and
 * STASIS_SOCKET) makes, if it is there; else the default TCP address.
 */
export function defaultAddress(env: Environment): string {
  const given = nonEmpty(env[addressEnv]);
  if (given !== undefined) return given;
  const root = nonEmpty(env[rootEnv]) ?? defaultRoot(env);
  const socket = nonEmpty(env[socketEnv]) ?? defaultSocket(root);
  return isSocket(socket) ? `unix:${socket}` : defaultListen;
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
