// Finds out whether a filesystem reports holes as small as a page. This matters for delta files,
// where a range that is reported as data counts as changed.
import { statfs, type FileHandle } from "node:fs/promises";
import { fieldInvalid } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import { withIoError } from "./errno.js";
import { lazyExtents } from "./extents.js";
import { zeroBlockBytes } from "./zero.js";

/** The filesystems whose `f_bsize` is the size of their blocks: ext2 to ext4, XFS and btrfs. */
const exactFilesystems = [0xef53, 0x58465342, 0x9123683e];

/**
 * Throws FIELD_INVALID unless the filesystem of the open file `name` reports holes of 4 KiB.
 * `directory` is the path of the file's directory, for the message.
 */
export async function requireSmallHoles(
  handle: FileHandle,
  name: string,
  directory: string,
): Promise<void> {
  const path = `/proc/self/fd/${handle.fd}`;
  const context = { what: "look at the filesystem", path, owner: "caller" } as const;
  const [{ type, bsize }, { size, blksize }] = await withIoError(context, () =>
    Promise.all([statfs(path), handle.stat()]),
  );
  // Elsewhere, such as on NFS or ZFS, st_blksize may be the larger unit of space.
  const unit = exactFilesystems.includes(type) ? bsize : Math.max(bsize, blksize);
  const isTold = lazyExtents(handle.fd, size) !== undefined;
  if (isTold && unit <= zeroBlockBytes) return;
  const found = isTold ? `has blocks of ${formatBytes(unit)}` : "reports none";
  throw fieldInvalid(
    "directory",
    `a filesystem that reports holes of ${formatBytes(zeroBlockBytes)}, and that of ${name} ${found}`,
    directory,
    "Let the hypervisor write to ext4, XFS or btrfs: a hole that is reported as data counts as changed",
  );
}
