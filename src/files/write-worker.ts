// Runs the thread that hashes and writes the data of large uploads, while the main thread receives
// more. write-thread.ts starts it.
import { parentPort, workerData } from "node:worker_threads";
import { freeMemory } from "../wire/chunk.js";
import { createDirectWriter, type DirectWriter } from "../holes/direct-writer.js";
import { createWriteSlots, openThreadSemaphore } from "../holes/write-slots.js";
import { createBlockHasher, type BlockHasher } from "./block-hash.js";
import type { ToMain, ToWorker, WriteError, WriteMessage } from "./write-worker-messages.js";

interface WorkerLane {
  readonly hasher: BlockHasher;
  readonly writer: DirectWriter;
}

const slots = createWriteSlots(openThreadSemaphore(workerData as SharedArrayBuffer));
const lanes = new Map<number, WorkerLane>();

async function handle(message: ToWorker): Promise<void> {
  const lane = lanes.get(message.lane);
  switch (message.kind) {
    case "write":
      return write(lane ?? openLane(message), message);
    case "flush":
      // The messages of other lanes need not wait for the writes of this one.
      void outcome(lane?.writer.flush()).then((error) => {
        answer({ kind: "flushed", lane: message.lane, error });
      });
      return;
    case "finish": {
      lanes.delete(message.lane);
      const table = (lane?.hasher ?? createBlockHasher()).finish(message.sizeBytes);
      return answer({ kind: "finished", lane: message.lane, table });
    }
    case "drop":
      lanes.delete(message.lane);
  }
}

function openLane({ lane, fd, path }: WriteMessage): WorkerLane {
  const hasher = createBlockHasher();
  const opened = { hasher, writer: createDirectWriter(fd, path, slots, hasher) };
  lanes.set(lane, opened);
  return opened;
}

/**
 * Resolves when the worker can take the next piece, possibly before this piece has been written.
 */
async function write({ writer }: WorkerLane, message: WriteMessage): Promise<void> {
  const { lane, buffer, returned, start, length, offset } = message;
  const done = (error: WriteError | undefined): void => {
    const kept = returned ? [buffer] : [];
    answer({ kind: "done", lane, offset, buffer: kept[0], error }, ...kept);
  };
  try {
    const { written } = await writer.write(offset, new Uint8Array(buffer, start, length));
    void outcome(written).then(done);
  } catch (error) {
    done(toWriteError(error));
  }
  if (!returned) freeMemory(buffer);
}

async function outcome(work: Promise<unknown> | undefined): Promise<WriteError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return toWriteError(error);
  }
}

function toWriteError(error: unknown): WriteError {
  const { message, code, errno, syscall } = error as NodeJS.ErrnoException;
  return { message, code, errno, syscall };
}

function answer(message: ToMain, ...transferred: ArrayBuffer[]): void {
  parentPort?.postMessage(message, transferred);
}

let work = Promise.resolve();
parentPort?.on("message", (message: ToWorker) => {
  work = work.then(() => handle(message));
});
