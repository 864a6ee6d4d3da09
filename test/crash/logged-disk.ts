// Mounts a filesystem whose disk logs all writes and flushes.
import { once } from "node:events";
import { openServedDisk, type ServedDiskPlace } from "../support/served-disk.js";
import type { LogEntry, NbdServerData } from "./nbd-server.js";

export interface LoggedDisk extends AsyncDisposable {
  readonly mountPoint: string;
  /** Returns the number of writes and flushes in the log so far. */
  position(): number;
  /** Unmounts the filesystem and returns the log. */
  end(): Promise<readonly LogEntry[]>;
}

export interface LoggedDiskFiles extends ServedDiskPlace {
  /** Names the image that contains the filesystem. The disk writes the image in place. */
  readonly image: string;
  /** Names the file that receives the bytes of all writes. */
  readonly writes: string;
}

export async function openLoggedDisk(files: LoggedDiskFiles): Promise<LoggedDisk> {
  const { image, writes, mountPoint } = files;
  const position = new SharedArrayBuffer(4);
  const workerData: Omit<NbdServerData, "socket"> = { image, writes, position };
  const disk = await openServedDisk(new URL("nbd-server.js", import.meta.url), workerData, files);
  return {
    mountPoint,
    position: () => Atomics.load(new Int32Array(position), 0),
    async end() {
      await disk.detach();
      disk.worker.postMessage("end");
      const [entries] = (await once(disk.worker, "message")) as [LogEntry[]];
      return entries;
    },
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}
