// Serves a disk in a file over NBD on a Unix socket, and logs every write and every flush in order.
// It runs in its own thread, because callers that wait for the disk may block theirs.
import { openSync, readSync, writeSync, fstatSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { serveNbd } from "../support/nbd.js";

export interface NbdServerData {
  readonly socket: string;
  /** Names the file with the current disk, which is written in place. */
  readonly image: string;
  /** Names the file with the bytes of all writes, one after the other. */
  readonly writes: string;
  /**
   * Holds one Int32: the number of entries in the log. The number grows before the server answers
   * the write or the flush.
   */
  readonly position: SharedArrayBuffer;
}

/**
 * A write with its offset and length in bytes, or a flush, which makes every earlier write durable.
 */
export type LogEntry = readonly [offset: number, length: number] | "flush";

const { socket: socketPath, image, writes, position } = workerData as NbdServerData;
const disk = openSync(image, "r+");
const written = openSync(writes, "wx");
const entries: LogEntry[] = [];
const count = new Int32Array(position);

const server = serveNbd(
  socketPath,
  {
    sizeBytes: fstatSync(disk).size,
    read: (bytes, offset) => void readSync(disk, bytes, 0, bytes.length, offset),
    write(bytes, offset) {
      writeSync(disk, bytes, 0, bytes.length, offset);
      writeSync(written, bytes);
      note([offset, bytes.length]);
    },
    flush: () => note("flush"),
  },
  () => parentPort?.postMessage("listening"),
);
parentPort?.on("message", () => {
  server.close();
  parentPort?.postMessage(entries);
  parentPort?.close();
});

function note(entry: LogEntry): void {
  entries.push(entry);
  Atomics.store(count, 0, entries.length);
}
