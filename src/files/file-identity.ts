// Reads the inode, the modification time and the owner of a file, by which a later change of the
// file is noticed. Also counts the hard links of a file.
import { lstatSync, type BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";
import { ioError, withIoError, type IoContext } from "../holes/errno.js";

export interface FileIdentity {
  /** Decimal text, because an inode number may exceed 53 bits. */
  readonly inode: string;
  /** Nanoseconds since 1970, decimal text. */
  readonly mtimeNs: string;
  readonly uid: number;
}

export async function fileIdentityOf(path: string): Promise<FileIdentity> {
  return identity(await withIoError(lookingAt(path), () => lstat(path, { bigint: true })));
}

/**
 * Does the same as `fileIdentityOf` in the calling thread. For a file of the store, this takes
 * microseconds.
 */
export function storedIdentityOf(path: string): FileIdentity {
  try {
    return identity(lstatSync(path, { bigint: true }));
  } catch (error) {
    throw ioError(error, lookingAt(path));
  }
}

/** Returns the number of hard links of a file of the store. */
export function linkCountOf(path: string): number {
  try {
    return lstatSync(path).nlink;
  } catch (error) {
    throw ioError(error, lookingAt(path));
  }
}

function lookingAt(path: string): IoContext {
  return { what: "look at the file", path };
}

function identity({ ino, mtimeNs, uid }: BigIntStats): FileIdentity {
  return { inode: String(ino), mtimeNs: String(mtimeNs), uid: Number(uid) };
}
