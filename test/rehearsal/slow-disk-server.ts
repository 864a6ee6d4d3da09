// Serves a disk in a file from a worker thread. The delay of its writes and flushes can change
// while it is mounted.
import { fstatSync, openSync, readSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { serveNbd } from "../support/nbd.js";

export interface SlowDiskData {
  readonly socket: string;
  readonly image: string;
  /** Two Int32 values: the delay of each write and of each flush, in milliseconds. */
  readonly delays: SharedArrayBuffer;
}

const { socket, image, delays } = workerData as SlowDiskData;
const disk = openSync(image, "r+");
const delaysMs = new Int32Array(delays);

async function wait(which: 0 | 1): Promise<void> {
  const ms = Atomics.load(delaysMs, which);
  if (ms > 0) await pause(ms);
}

serveNbd(
  socket,
  {
    sizeBytes: fstatSync(disk).size,
    read: (bytes, offset) => void readSync(disk, bytes, 0, bytes.length, offset),
    async write(bytes, offset) {
      await wait(0);
      writeSync(disk, bytes, 0, bytes.length, offset);
    },
    flush: () => wait(1),
  },
  () => parentPort?.postMessage("listening"),
);
