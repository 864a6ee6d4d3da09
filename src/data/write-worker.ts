// The thread that hashes and writes the data of large uploads, while the main thread receives more.
// write-workers.ts starts it and says what the messages mean.
import { writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { freeMemory } from "../base/given-bytes.js";
import { createBlockHasher, type BlockHasher } from "./block-hash.js";
import type { ToMain, ToWorker, WriteError } from "./write-worker-messages.js";

const hashers = new Map<number, BlockHasher>();

function handle(message: ToWorker): void {
  if (message.kind === "drop") {
    hashers.delete(message.lane);
    return;
  }
  const hasher = hashers.get(message.lane) ?? createBlockHasher();
  hashers.set(message.lane, hasher);
  if (message.kind === "finish") {
    hashers.delete(message.lane);
    const table = hasher.finish(message.sizeBytes);
    answer({ kind: "finished", lane: message.lane, table });
    return;
  }
  const { lane, buffer, returned, start, length, fd, offset } = message;
  const bytes = new Uint8Array(buffer, start, length);
  let error: WriteError | undefined;
  try {
    writeFully(fd, bytes, offset);
    hasher.update(offset, bytes);
  } catch (thrown) {
    const { message: text, code, errno, syscall } = thrown as NodeJS.ErrnoException;
    error = { message: text, code, errno, syscall };
  }
  if (!returned) freeMemory(buffer);
  const kept = returned ? buffer : undefined;
  answer({ kind: "done", lane, buffer: kept, error }, ...(kept === undefined ? [] : [kept]));
}

function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

function answer(message: ToMain, ...transferred: ArrayBuffer[]): void {
  parentPort?.postMessage(message, transferred);
}

parentPort?.on("message", handle);
