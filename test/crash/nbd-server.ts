// A disk in a file, served over NBD on a Unix socket. It logs every write and every flush in order.
// It runs in its own thread, because callers that wait for the disk may block theirs.
import { openSync, readSync, writeSync, fstatSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { serveNbd } from "../support/nbd.js";

export interface NbdServerData {
  readonly socket: string;
  /** The current disk, written in place. */
  readonly image: string;
  /** The bytes of all writes, one after the other. */
  readonly writes: string;
  /** One Int32: the number of entries in the log. It grows before a write or flush is answered. */
  readonly position: SharedArrayBuffer;
}

/** A write (offset and length), or a flush: everything before it is durable. */
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
