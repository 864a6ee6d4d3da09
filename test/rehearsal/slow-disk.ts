// Mounts a separate ext4 on a disk that can be slowed down.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeImage } from "../support/filesystem.js";
import { openServedDisk } from "../support/served-disk.js";
import type { SlowDiskData } from "./slow-disk-server.js";

export interface SlowDisk extends AsyncDisposable {
  readonly mountPoint: string;
  /** Sets the delay of each write and each flush from now on. 0 means no delay. */
  setDelays(delaysMs: { readonly write: number; readonly flush: number }): void;
}

/** Mounts the disk. `directory` must be empty. */
export async function openSlowDisk(directory: string, sizeMib: number): Promise<SlowDisk> {
  const image = join(directory, "disk.img");
  const mountPoint = join(directory, "m");
  await mkdir(mountPoint);
  await makeImage("ext4", image, sizeMib);
  const delays = new SharedArrayBuffer(8);
  const delaysMs = new Int32Array(delays);
  const setDelays: SlowDisk["setDelays"] = ({ write, flush }) => {
    Atomics.store(delaysMs, 0, write);
    Atomics.store(delaysMs, 1, flush);
  };
  const workerData: Omit<SlowDiskData, "socket"> = { image, delays };
  const disk = await openServedDisk(new URL("slow-disk-server.js", import.meta.url), workerData, {
    mountPoint,
    directory: join(directory, "served"),
  });
  return {
    mountPoint,
    setDelays,
    async [Symbol.asyncDispose]() {
      setDelays({ write: 0, flush: 0 });
      await disk[Symbol.asyncDispose]();
    },
  };
}
