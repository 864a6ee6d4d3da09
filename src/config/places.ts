// Where a daemon is when nobody says otherwise: its directory, its socket, its TCP address. Kept
// apart from the options, so that the client's commands need not load all of them.
import { homedir } from "node:os";
import { join } from "node:path";

export const defaultListen = "127.0.0.1:7420";
export const socketFileName = "stasis.sock";
/** Variables of the options `root` and `socket`; a test holds them equal to the schema's. */
export const rootEnv = "STASIS_ROOT";
export const socketEnv = "STASIS_SOCKET";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The root directory when none is given. */
export function defaultRoot(env: Environment): string {
  if (process.getuid?.() === 0) return "/var/lib/stasis";
  const dataHome = env["XDG_DATA_HOME"];
  const base = dataHome?.startsWith("/") === true ? dataHome : join(homedir(), ".local", "share");
  return join(base, "stasis");
}

export function defaultSocket(root: string): string {
  return join(root, socketFileName);
}
