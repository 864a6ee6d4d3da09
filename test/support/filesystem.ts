// Makes, mounts and unmounts filesystems in image files.
import { execFile } from "node:child_process";
import { open, readFile, readdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

export type DiskFilesystem = "ext4" | "xfs" | "btrfs";

const run = promisify(execFile);

/** Writes a sparse file of that size with an empty filesystem in it. */
export async function makeImage(
  kind: DiskFilesystem,
  path: string,
  sizeMib: number,
  options: readonly string[] = [],
): Promise<void> {
  await using handle = await open(path, "wx");
  await handle.truncate(sizeMib * 1024 * 1024);
  const reflink = kind === "xfs" ? ["-m", "reflink=1"] : [];
  await run(`mkfs.${kind}`, ["-q", ...reflink, ...options, path]);
}

export async function mountImage(path: string, mountPoint: string): Promise<void> {
  await run("mount", ["-o", "loop", path, mountPoint]);
}

const unmountTries = 50;
const detachLimitMs = 60_000;

/**
 * Unmounts the filesystem. A process that has just ended may use it for a moment longer, so this
 * tries several times.
 */
export async function unmount(mountPoint: string): Promise<void> {
  for (let left = unmountTries; ; left -= 1) {
    try {
      await run("umount", [mountPoint]);
      return;
    } catch (error) {
      if (left === 0) throw error;
      await pause(20);
    }
  }
}

/**
 * Unmounts the filesystem, and waits until no loop device uses the image. A process that has just
 * entered its own mount namespace may still use it.
 */
export async function unmountImage(image: string, mountPoint: string): Promise<void> {
  await unmount(mountPoint);
  const end = performance.now() + detachLimitMs;
  while (await isAttached(image)) {
    if (performance.now() > end) throw new Error(`a loop device still holds ${image}`);
    await pause(5);
  }
}

async function isAttached(image: string): Promise<boolean> {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const files = await Promise.all(
    devices.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "")),
  );
  return files.some((file) => file.trim() === image);
}
