// Finds which blocks of a file are shared with other files, and counts the extents of a file on the
// device, according to the filesystem (FIEMAP).
import { isErrno } from "./errno.js";
import { mapExtents, mapExtentsLater } from "./native.js";

/** A run of bytes on the device. */
export interface DeviceExtent {
  readonly start: number;
  readonly length: number;
}

// These are the sizes of struct fiemap and struct fiemap_extent of <linux/fiemap.h>.
const headerBytes = 32;
const extentBytes = 56;
const extentsPerCall = 512;
const FIEMAP_EXTENT_LAST = 0x0001;
const FIEMAP_EXTENT_SHARED = 0x2000;
const endOfFile = 0xffff_ffff_ffff_ffffn;

/**
 * Returns the shared blocks of an open file by their place on the device, or undefined if the
 * filesystem does not report places. This is synchronous, with one system call per 512 extents.
 */
export function sharedExtents(fd: number): readonly DeviceExtent[] | undefined {
  const found: DeviceExtent[] = [];
  const request = Buffer.alloc(headerBytes + extentsPerCall * extentBytes);
  for (let from: bigint | undefined = 0n; from !== undefined;) {
    request.fill(0, 0, headerBytes);
    request.writeBigUInt64LE(from, 0);
    request.writeBigUInt64LE(endOfFile - from, 8);
    request.writeUInt32LE(extentsPerCall, 24);
    try {
      mapExtents(fd, request);
    } catch (error) {
      if (cannotTell(error)) return undefined;
      throw error;
    }
    from = readExtents(request, found);
  }
  return found;
}

/**
 * Returns the number of extents that an open file has on the device, or undefined if the filesystem
 * does not report it. An extent ends where the next bytes lie elsewhere, and where shared bytes
 * begin or end.
 */
export async function countExtents(fd: number): Promise<number | undefined> {
  // Without room for extents, the kernel only counts them.
  const request = Buffer.alloc(headerBytes);
  request.writeBigUInt64LE(endOfFile, 8);
  try {
    await mapExtentsLater(fd, request);
  } catch (error) {
    if (cannotTell(error)) return undefined;
    throw error;
  }
  return request.readUInt32LE(20);
}

function cannotTell(error: unknown): boolean {
  return isErrno(error, "EOPNOTSUPP", "ENOTSUP", "ENOTTY", "EINVAL", "ENOSYS");
}

/**
 * Adds the shared extents of an answer to `found`. Returns the offset to continue at, or undefined
 * after the last extent.
 */
function readExtents(answer: Buffer, found: DeviceExtent[]): bigint | undefined {
  const count = answer.readUInt32LE(20);
  let next: bigint | undefined;
  for (let index = 0; index < count; index++) {
    const at = headerBytes + index * extentBytes;
    const length = answer.readBigUInt64LE(at + 16);
    const flags = answer.readUInt32LE(at + 40);
    if ((flags & FIEMAP_EXTENT_SHARED) !== 0) {
      found.push({ start: Number(answer.readBigUInt64LE(at + 8)), length: Number(length) });
    }
    next = (flags & FIEMAP_EXTENT_LAST) !== 0 ? undefined : answer.readBigUInt64LE(at) + length;
  }
  return next;
}

/** Returns the number of bytes on the device that the extents cover, each counted once. */
export function coveredBytes(extents: readonly DeviceExtent[]): number {
  let covered = 0;
  let end = 0;
  for (const { start, length } of [...extents].sort((a, b) => a.start - b.start)) {
    covered += Math.max(0, start + length - Math.max(start, end));
    end = Math.max(end, start + length);
  }
  return covered;
}
