// Finds the daemon for a client without an address.
import { resolve } from "node:path";
import { socketsToTry, type Environment } from "../base/default-paths.js";
import { connectError } from "../holes/native.js";
import { parseAddress, type Address } from "./address.js";

/** The environment variable with the daemon's address, `HOST:PORT` or `unix:PATH`. */
export const addressEnv = "STASIS_ADDR";

/**
 * Returns the address in STASIS_ADDR. Without that variable, this returns the first socket that
 * accepts a connection: that of this user's own daemon, of the system service, or of root's daemon.
 * If no socket accepts, the address still names one of them, so that a daemon that starts later is
 * found.
 */
export function defaultAddress(env: Environment): Address {
  const given = env[addressEnv];
  if (given !== undefined && given !== "") return parseAddress(given);
  const tried: { readonly address: Address; readonly code: string }[] = [];
  for (const path of socketsToTry(env)) {
    const address = parseAddress(`unix:${path}`);
    const code = connectError(resolve(path));
    if (code === undefined) return address;
    tried.push({ address, code });
  }
  const [closest = tried[0]] = tried.filter(({ code }) => code !== "ENOENT");
  if (closest === undefined) throw new Error("there is no socket to try");
  const texts = tried.map(({ address, code }) => `${address.text} (${wordsOf(code)})`);
  return { ...closest.address, tried: texts.join(", ") };
}

function wordsOf(code: string): string {
  switch (code) {
    case "ENOENT":
      return "no such socket";
    case "ECONNREFUSED":
      return "no daemon listens on it";
    case "EACCES":
      return "this user may not open it";
    default:
      return code;
  }
}
