// A file whose only use is to be deleted: on a full disk it makes room for the record of a removal.
import { randomBytes } from "node:crypto";
import { lstat, unlink } from "node:fs/promises";
import { isStoreError } from "../base/errors.js";
import { ioError, isErrno } from "../sparse/errno.js";
import { writeNewFile } from "./durable.js";
import type { Layout } from "./layout.js";

export const ballastBytes = 1024 * 1024;

/** Makes the ballast unless it is there. False when the disk has no room for it now. */
export async function ensureBallast(layout: Layout): Promise<boolean> {
  if (await isBallastComplete(layout)) return true;
  await releaseBallast(layout);
  try {
    // Random, so that no filesystem compresses it to nothing.
    await writeNewFile(layout.ballast, randomBytes(ballastBytes));
    return true;
  } catch (error) {
    await unlink(layout.ballast).catch(() => undefined);
    if (isStoreError(error, "STORAGE_FULL")) return false;
    throw error;
  }
}

/** Gives the space back. Nothing happens when it was given before. */
export async function releaseBallast(layout: Layout): Promise<void> {
  try {
    await unlink(layout.ballast);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw ioError(error, { what: "release the ballast", path: layout.ballast });
  }
}

export async function isBallastComplete({ ballast: path }: Layout): Promise<boolean> {
  try {
    const stat = await lstat(path);
    return stat.isFile() && stat.size === ballastBytes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: "look at the ballast", path });
  }
}
