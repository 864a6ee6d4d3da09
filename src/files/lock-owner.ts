// Which process holds a lock, for messages: the kernel tells it for locks of processes, and /proc for those of
// open file descriptions, where this user may look.
import { readdirSync, readFileSync, statSync } from "node:fs";

export interface LockOwner {
  readonly pid: number;
  /** As ps(1) shows it; empty when it can't be read. */
  readonly program: string;
  readonly uid: number | undefined;
}

/**
 * `pid` is what the kernel says, 0 if it does not. `inode` is that of the locked file, `likely` the process that is
 * looked at first.
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

/** Looks for lines such as `lock:  1: OFDLCK ADVISORY WRITE -1 fe:00:1234 1073741824 1073742335`, see proc(5). */
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
