// Determines whether a file is unchanged, by its inode, its modification time and its owner.
import { lstat } from "node:fs/promises";
import { withIoError } from "../holes/errno.js";

export interface FileIdentity {
  /** Decimal text, because an inode number may exceed 53 bits. */
  readonly inode: string;
  /** Nanoseconds since 1970, decimal text. */
  readonly mtimeNs: string;
  readonly uid: number;
}

export async function fileIdentityOf(path: string): Promise<FileIdentity> {
  const { ino, mtimeNs, uid } = await withIoError({ what: "look at the file", path }, () =>
    lstat(path, { bigint: true }),
  );
  return { inode: String(ino), mtimeNs: String(mtimeNs), uid: Number(uid) };
}
