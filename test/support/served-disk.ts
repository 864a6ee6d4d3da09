// Mounts a filesystem whose disk is an NBD server of our own in a worker thread. The program
// nbdfuse exposes the disk as a file, which is mounted through a loop device, so the kernel needs
// no NBD module.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createCleanup } from "../../src/base/cleanup.js";
import { run } from "./child.js";
import { mountImage, unmount, unmountImage } from "./filesystem.js";

export interface ServedDisk extends AsyncDisposable {
  readonly worker: Worker;
  /** Unmounts the filesystem. The worker still runs. */
  detach(): Promise<void>;
}

export interface ServedDiskPlace {
  readonly mountPoint: string;
  /** The directory must not exist. It holds a socket and a mount point. */
  readonly directory: string;
}

const startLimitMs = 10_000;
const endLimitMs = 2_000;

/** Returns why there is no such disk here, or false, for the `skip` option of a test. */
export function cannotServeDisk(): string | false {
  const found = spawnSync("nbdfuse", ["--version"], { stdio: "ignore" }).status === 0;
  return found ? false : "nbdfuse is not installed (Debian: apt-get install libnbd-bin)";
}

/**
 * Opens a disk. `module` is a worker that serves a formatted disk on the socket
 * `workerData.socket`, and posts a message when it listens.
 */
export async function openServedDisk(
  module: URL,
  workerData: object,
  { mountPoint, directory }: ServedDiskPlace,
): Promise<ServedDisk> {
  await using cleanup = createCleanup();
  const shown = join(directory, "fuse");
  await mkdir(shown, { recursive: true });
  const socket = join(directory, "nbd.sock");
  const worker = new Worker(module, { workerData: { ...workerData, socket } });
  cleanup.defer(async () => void (await worker.terminate()));
  await once(worker, "message");
  const fuse = run("nbdfuse", [join(shown, "disk"), "--unix", socket]);
  cleanup.defer(async () => {
    await unmount(shown).catch(() => undefined);
    // The program nbdfuse gets time to end by itself, because a loop device whose disk does not
    // answer would block every other mount.
    await Promise.race([fuse.exited, pause(endLimitMs)]);
    await fuse.kill();
  });
  await whenShown(join(shown, "disk"));
  await mountImage(join(shown, "disk"), mountPoint);
  let mounted = true;
  const detach = async (): Promise<void> => {
    if (mounted) await unmountImage(join(shown, "disk"), mountPoint);
    mounted = false;
  };
  cleanup.defer(detach);
  return { worker, detach, [Symbol.asyncDispose]: cleanup.release() };
}

async function whenShown(path: string): Promise<void> {
  const end = performance.now() + startLimitMs;
  while (performance.now() < end) {
    const size = await stat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    if (size > 0) return;
    await pause(10);
  }
  throw new Error("nbdfuse does not show the disk");
}
