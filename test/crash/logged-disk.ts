// A mounted filesystem whose disk logs all writes and flushes: our own NBD server, which nbdfuse
// exposes as a file and a loop device mounts. It needs no kernel module.
import { once } from "node:events";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createCleanup } from "../../src/base/cleanup.js";
import { run } from "../support/child.js";
import { mountImage, unmount, unmountImage } from "../support/filesystem.js";
import type { LogEntry, NbdServerData } from "./nbd-server.js";

export interface LoggedDisk extends AsyncDisposable {
  readonly mountPoint: string;
  /** Number of writes and flushes in the log now. */
  position(): number;
  /** Unmounts and returns the log. */
  end(): Promise<readonly LogEntry[]>;
}

export interface LoggedDiskFiles {
  /** Contains a filesystem. It is written in place. */
  readonly image: string;
  /** Receives the bytes of all writes. */
  readonly writes: string;
  readonly mountPoint: string;
  /** Must not exist. Holds a socket and a mount point. */
  readonly directory: string;
}

const startLimitMs = 10_000;
const endLimitMs = 2_000;

export async function openLoggedDisk(files: LoggedDiskFiles): Promise<LoggedDisk> {
  const { image, writes, mountPoint, directory } = files;
  await using cleanup = createCleanup();
  const shown = join(directory, "fuse");
  await mkdir(shown, { recursive: true });
  const socket = join(directory, "nbd.sock");
  const position = new SharedArrayBuffer(4);
  const workerData: NbdServerData = { socket, image, writes, position };
  const worker = new Worker(new URL("nbd-server.js", import.meta.url), { workerData });
  cleanup.defer(async () => void (await worker.terminate()));
  await once(worker, "message");
  const fuse = run("nbdfuse", [join(shown, "disk"), "--unix", socket]);
  cleanup.defer(async () => {
    await unmount(shown).catch(() => undefined);
    // A loop device whose disk does not answer would block every other mount.
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
  const close = cleanup.release();
  return {
    mountPoint,
    position: () => Atomics.load(new Int32Array(position), 0),
    async end() {
      await detach();
      worker.postMessage("end");
      const [entries] = (await once(worker, "message")) as [LogEntry[]];
      return entries;
    },
    [Symbol.asyncDispose]: close,
  };
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
