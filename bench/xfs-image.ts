// Mounts a filesystem with reflink from a file, for one run.
import { execFile } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasProgram } from "./report.js";

const run = promisify(execFile);

/** Returns the reason why the filesystem is not available, or undefined. */
export function canMount(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return Promise.resolve("only root can mount");
  return Promise.resolve(hasProgram("mkfs.xfs") ? undefined : "mkfs.xfs is not installed");
}

export interface MountedImage extends AsyncDisposable {
  readonly directory: string;
}

export async function mountImage(scratch: string, bytes: number): Promise<MountedImage> {
  const image = join(scratch, "xfs.img");
  const directory = join(scratch, "xfs");
  const handle = await open(image, "wx");
  await handle.truncate(bytes);
  await handle.close();
  await run("mkfs.xfs", ["-q", "-m", "reflink=1", image]);
  await mkdir(directory);
  await run("mount", ["-o", "loop", image, directory]);
  return {
    directory,
    [Symbol.asyncDispose]: async () => {
      await run("umount", [directory]);
    },
  };
}
