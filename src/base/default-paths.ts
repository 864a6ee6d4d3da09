// The default directory and socket of a daemon. The daemon's options and the client's search for a
// daemon both use this file, so that they agree.
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

export const socketFileName = "stasis.sock";
/** Name of the admin listener's socket, in the directory of a socket with the name above. */
export const adminSocketName = "admin.sock";
/** The paths of root's own daemon. */
const rootsDirectory = "/var/lib/stasis";
/** The paths of the system service, as in deploy/stasis.service. */
const serviceSocket = "/run/stasis/stasis.sock";
/** Variables of the options `root` and `socket`. A test compares them with the schema. */
export const rootEnv = "STASIS_ROOT";
export const socketEnv = "STASIS_SOCKET";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The default root directory. */
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
 * The default of `admin_listen`: `admin.sock` beside `stasis.sock`, and `NAME.admin.sock` beside
 * `NAME.sock`, so that two daemons can have their sockets in one directory.
 */
export function adminSocketBeside(socket: string): string {
  const name = basename(socket);
  if (name === socketFileName) return join(dirname(socket), adminSocketName);
  return join(dirname(socket), `${name.replace(/\.sock$/, "")}.${adminSocketName}`);
}

/**
 * Sockets that a client without an address tries, in this order. STASIS_SOCKET or STASIS_ROOT name
 * one daemon, and then no other is tried.
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

/** An empty variable counts as not set. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
