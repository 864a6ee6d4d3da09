// Defines the default directory and the default socket of a daemon. The daemon's options and the
// client's search for a daemon both use this file, so that they agree.
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

export const socketFileName = "stasis.sock";
/** Default name of the admin listener's socket, if the daemon's own socket has its default name. */
export const adminSocketName = "admin.sock";
/** The default root directory of root's own daemon. */
const rootsDirectory = "/var/lib/stasis";
/** The socket of the system service, as in deploy/stasis.service. */
const serviceSocket = "/run/stasis/stasis.sock";
/**
 * The environment variables of the options `root` and `socket`. A test compares them with the
 * schema.
 */
export const rootEnv = "STASIS_ROOT";
export const socketEnv = "STASIS_SOCKET";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the default root directory of a daemon that this user starts. */
export function defaultRoot(env: Environment): string {
  if (process.getuid?.() === 0) return rootsDirectory;
  const dataHome = env["XDG_DATA_HOME"];
  const base = dataHome?.startsWith("/") === true ? dataHome : join(homedir(), ".local", "share");
  return join(base, "stasis");
}

export function defaultSocket(root: string): string {
  return join(root, socketFileName);
}

/**
 * Returns the default of `admin_listen`: `admin.sock` beside `stasis.sock`, and `NAME.admin.sock`
 * beside `NAME.sock`, so that two daemons can have their sockets in one directory.
 */
export function adminSocketBeside(socket: string): string {
  const name = basename(socket);
  if (name === socketFileName) return join(dirname(socket), adminSocketName);
  return join(dirname(socket), `${name.replace(/\.sock$/, "")}.${adminSocketName}`);
}

/**
 * Returns the sockets that a client without an address tries, in this order. If STASIS_SOCKET or
 * STASIS_ROOT names a daemon, the client tries no other.
 */
export function socketsToTry(env: Environment): readonly string[] {
  const socket = nonEmpty(env[socketEnv]);
  if (socket !== undefined && socket !== "none") return [socket];
  const root = nonEmpty(env[rootEnv]);
  if (root !== undefined) return [defaultSocket(root)];
  const sockets = [defaultRoot(env), rootsDirectory].map(defaultSocket);
  sockets.splice(1, 0, serviceSocket);
  return [...new Set(sockets)];
}

/** Returns undefined for an empty string, because an empty variable counts as not set. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
