// Finds the process that holds a lock, for messages. For a lock of a process, the kernel names the
// process. For a lock of an open file description, /proc names it, where this user may read it.
import { readdirSync, readFileSync, statSync } from "node:fs";

interface LockOwner {
  readonly pid: number;
  /** The name of the program, from /proc/PID/comm. Empty if it cannot be read. */
  readonly program: string;
  readonly uid: number | undefined;
}

/**
 * Returns the process that holds the lock. `pid` comes from the kernel and is 0 if the kernel does
 * not name a process. `inode` is the inode of the locked file. `likely` is the process to look at
 * first.
 */
export function findLockOwner(
  pid: number,
  inode: bigint,
  likely: number | undefined,
): LockOwner | undefined {
  const found = pid > 0 ? pid : processWithLock(inode, likely);
  if (found === undefined) return undefined;
  const program = read(`/proc/${found}/comm`).trim();
  return { pid: found, program, uid: statSync(`/proc/${found}`, { throwIfNoEntry: false })?.uid };
}

/**
 * Finds a process by lines such as `lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:1234 1073741824
 * 1073742335` in /proc; see proc(5).
 */
function processWithLock(inode: bigint, likely: number | undefined): number | undefined {
  const pattern = new RegExp(`^lock:.* [0-9a-f]+:[0-9a-f]+:${inode} `, "m");
  const first = likely === undefined ? [] : [String(likely)];
  const found = [...first, ...list("/proc").filter((name) => /^\d+$/.test(name))].find((pid) => {
    const folder = `/proc/${pid}/fdinfo`;
    return list(folder).some((descriptor) => pattern.test(read(`${folder}/${descriptor}`)));
  });
  return found === undefined ? undefined : Number(found);
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
