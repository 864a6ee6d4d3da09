// Opens the way from the store's root to the stored data for the group that may read it.
//
//   <root>/, data/    0700; with a data group 0710: the group can pass but not list
//
// The group can reach nothing else in the root. stored-modes.ts sets the modes below data/.
import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "../base/logger.js";
import { StoreError } from "../base/errors.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import type { Layout } from "./layout.js";
import { disk } from "../holes/file-operations.js";

/**
 * Sets the modes that the data group needs. Call this at start, when the store is locked and its
 * catalog exists.
 */
export async function applyDataGroup(layout: Layout, logger: Logger): Promise<void> {
  const { root, dataRoot, dataGroup } = layout;
  if (dataGroup === undefined) {
    // An earlier data group loses its access.
    await setMode(dataRoot, 0o700);
    return;
  }
  // Everything else must be closed before the group can enter.
  await closeEntries(layout);
  for (const path of [dataRoot, root]) await openWay(path, dataGroup);
  await warnOfClosedWay(root, dataGroup, logger);
}

/**
 * Closes all other entries of the root to the group. SQLite creates its files by the umask, and a
 * root that was closed as a whole may contain other files with wide modes.
 */
async function closeEntries({ root, dataRoot }: Layout): Promise<void> {
  for (const name of await withIoError({ what: "list", path: root }, () => readdir(root))) {
    const path = join(root, name);
    const entry = await withIoError({ what: "look at", path }, () => lstat(path));
    if (path === dataRoot || !(entry.isFile() || entry.isDirectory())) continue;
    if ((entry.mode & 0o077) !== 0) await setMode(path, entry.mode & 0o700);
  }
}

async function openWay(path: string, group: number): Promise<void> {
  try {
    const { gid, mode } = await stat(path);
    if (gid !== group) await disk.chown(path, -1, group);
    if ((mode & 0o7777) !== 0o710) await disk.chmod(path, 0o710);
  } catch (error) {
    if (!isErrno(error, "EPERM", "EINVAL")) throw ioError(error, { what: "open to group", path });
    throw new StoreError("FIELD_INVALID", `data_group: cannot give ${path} to group ${group}`, {
      fields: [{ field: "data_group", description: "expected a group of the daemon's user" }],
      hint: "The daemon's user must own the store and be a member of the group, or be root",
      cause: error,
    });
  }
}

async function setMode(path: string, mode: number): Promise<void> {
  await withIoError({ what: "set the mode", path }, async () => {
    const before = await lstat(path);
    if ((before.mode & 0o7777) !== mode) await disk.chmod(path, mode);
  });
}

/**
 * Logs a warning if the group cannot pass through the directories above the root, which stasis does
 * not change.
 */
async function warnOfClosedWay(root: string, group: number, logger: Logger): Promise<void> {
  for (let path = dirname(root); path !== dirname(path); path = dirname(path)) {
    const { mode, gid } = await withIoError({ what: "look at", path }, () => stat(path));
    const passable = (mode & 0o001) !== 0 || (gid === group && (mode & 0o010) !== 0);
    if (!passable) logger.warn({ path, group }, "data_group: this group cannot pass here");
  }
}
