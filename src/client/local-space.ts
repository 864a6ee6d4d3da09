// Measures the disk space of directories of this machine, and how much of it they share with other
// files.
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { withIoError } from "../holes/errno.js";
import { coveredBytes, sharedExtents, type DeviceExtent } from "../holes/shared-extents.js";

export interface Space {
  /** Total size of the files, including holes. */
  readonly sizeBytes: number;
  /** Blocks of the files, including shared blocks. */
  readonly allocatedBytes: number;
  /**
   * Bytes of blocks that other files share. Undefined if the filesystem cannot report shared
   * blocks.
   */
  readonly sharedBytes: number | undefined;
  readonly shared: readonly DeviceExtent[];
}

export interface TotalSpace {
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly sharedBytes: number | undefined;
  /**
   * Bytes that all directories take together, counting each shared block once. Undefined if the
   * filesystem cannot report shared blocks.
   */
  readonly onDiskBytes: number | undefined;
}

/** Measures all regular files directly in a directory. */
export async function measureLocalDirectory(directory: string): Promise<Space> {
  const space = { sizeBytes: 0, allocatedBytes: 0, shared: [] as DeviceExtent[] };
  let canTell = true;
  const context = { what: "measure", path: directory, owner: "caller" } as const;
  await withIoError(context, async () => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(directory, entry.name);
      await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const { size, blocks } = await file.stat();
      space.sizeBytes += size;
      // 512 bytes is the unit of st_blocks, whatever the block size of the filesystem is.
      space.allocatedBytes += blocks * 512;
      const shared = sharedExtents(file.fd);
      canTell &&= shared !== undefined;
      for (const extent of shared ?? []) space.shared.push(extent);
    }
  });
  const sharedBytes = space.shared.reduce((sum, { length }) => sum + length, 0);
  return { ...space, sharedBytes: canTell ? sharedBytes : undefined };
}

/** Adds up the space of directories, which must all be on one filesystem. */
export function totalSpace(spaces: readonly Space[]): TotalSpace {
  const sum = (pick: (space: Space) => number): number =>
    spaces.reduce((total, space) => total + pick(space), 0);
  const sizeBytes = sum((space) => space.sizeBytes);
  const allocatedBytes = sum((space) => space.allocatedBytes);
  if (spaces.some((space) => space.sharedBytes === undefined)) {
    return { sizeBytes, allocatedBytes, sharedBytes: undefined, onDiskBytes: undefined };
  }
  const sharedBytes = sum((space) => space.sharedBytes ?? 0);
  const covered = coveredBytes(spaces.flatMap(({ shared }) => shared));
  return {
    sizeBytes,
    allocatedBytes,
    sharedBytes,
    onDiskBytes: allocatedBytes - sharedBytes + covered,
  };
}
