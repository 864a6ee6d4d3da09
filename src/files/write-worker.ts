// Runs the thread that hashes and writes the data of large files, and of files over a base, while
// the main thread receives more. write-thread.ts starts it.
import { parentPort, workerData } from "node:worker_threads";
import { readFullySync } from "../base/whole-io.js";
import { freeMemory } from "../wire/chunk.js";
import { createDirectWriter, type DirectWriter } from "../holes/direct-writer.js";
import { createWriteSlots, openThreadSemaphore } from "../holes/write-slots.js";
import type { WriteObserver } from "../holes/sparse-writer.js";
import { createBlockHasher } from "./block-hash.js";
import { createDeltaHasher, type BaseProblem } from "./delta-hash.js";
import {
  bufferBytes,
  type CopyMessage,
  type LaneBase,
  type LaneDigests,
  type SentProblem,
  type ToMain,
  type ToWorker,
  type WriteError,
  type WriteMessage,
} from "./write-worker-messages.js";

interface LaneHasher extends WriteObserver {
  finish(sizeBytes: number): LaneDigests;
}

interface WorkerLane {
  readonly hasher: LaneHasher;
  /** The writer is undefined before the first write. */
  writer: DirectWriter | undefined;
}

const slots = createWriteSlots(openThreadSemaphore(workerData as SharedArrayBuffer));
const lanes = new Map<number, WorkerLane>();

async function handle(message: ToWorker): Promise<void> {
  const lane = lanes.get(message.lane);
  switch (message.kind) {
    case "base":
      lanes.set(message.lane, { hasher: hasherOver(message.base), writer: undefined });
      return;
    case "write":
      return write(writerOf(message), message);
    case "copy":
      return copy(writerOf(message), message);
    case "flush":
      // The messages of other lanes need not wait for the writes of this one.
      void outcome(lane?.writer?.flush()).then((error) => {
        answer({ kind: "flushed", lane: message.lane, error });
      });
      return;
    case "finish": {
      lanes.delete(message.lane);
      const result = (lane?.hasher ?? wholeHasher()).finish(message.sizeBytes);
      return answer({ kind: "finished", lane: message.lane, result });
    }
    case "drop":
      lanes.delete(message.lane);
  }
}

function writerOf({ lane, fd, path }: WriteMessage | CopyMessage): DirectWriter {
  const opened = lanes.get(lane) ?? { hasher: wholeHasher(), writer: undefined };
  lanes.set(lane, opened);
  return (opened.writer ??= createDirectWriter(fd, path, slots, opened.hasher));
}

/** Creates the hasher of a file without a base. */
function wholeHasher(): LaneHasher {
  const hasher = createBlockHasher();
  return {
    update: (offset, bytes) => {
      hasher.update(offset, bytes);
    },
    finish: (sizeBytes) => ({ table: hasher.finish(sizeBytes) }),
  };
}

function hasherOver(base: LaneBase): LaneHasher {
  if (base === "unhashed") {
    return { update: () => undefined, finish: () => ({ table: undefined }) };
  }
  const hasher = createDeltaHasher(base);
  return {
    update: (offset, bytes) => {
      hasher.update(offset, bytes);
    },
    finish: () => {
      const { table, problem } = hasher.finish();
      return { table, problem: problem && toSentProblem(problem) };
    },
  };
}

function toSentProblem(problem: BaseProblem): SentProblem {
  if (problem.kind === "damaged") return problem;
  return { kind: "unread", error: toWriteError(problem.error) };
}

/**
 * Resolves when the worker can take the next piece, possibly before this piece has been written.
 */
async function write(writer: DirectWriter, message: WriteMessage): Promise<void> {
  const { lane, buffer, returned, start, length, offset } = message;
  const { runs = [offset, length] } = message;
  const done = (error: WriteError | undefined): void => {
    const kept = returned ? [buffer] : [];
    answer({ kind: "done", lane, offset, buffer: kept[0], error }, ...kept);
  };
  try {
    const writes: Promise<unknown>[] = [];
    let position = start;
    for (const [runOffset, runLength] of pairs(runs)) {
      const bytes = new Uint8Array(buffer, position, runLength);
      writes.push((await writer.write(runOffset, bytes)).written);
      position += runLength;
    }
    void outcome(Promise.all(writes)).then(done);
  } catch (error) {
    done(toWriteError(error));
  }
  if (!returned) freeMemory(buffer);
}

let copyBuffer: Buffer | undefined;

async function copy(writer: DirectWriter, message: CopyMessage): Promise<void> {
  const { lane, from, offset, runs } = message;
  const done = (error: WriteError | undefined): void => {
    answer({ kind: "done", lane, offset, buffer: undefined, error });
  };
  copyBuffer ??= Buffer.allocUnsafeSlow(bufferBytes);
  const writes: Promise<unknown>[] = [];
  try {
    for (const [start, length] of pairs(runs)) {
      const end = start + length;
      for (let at = start; at < end;) {
        const bytes = copyBuffer.subarray(0, Math.min(copyBuffer.length, end - at));
        if (readFullySync(from, bytes, at) < bytes.length) {
          throw new Error(`the file to copy ends before byte ${at + bytes.length}`);
        }
        writes.push((await writer.write(at, bytes)).written);
        at += bytes.length;
      }
    }
    void outcome(Promise.all(writes)).then(done);
  } catch (error) {
    void outcome(Promise.allSettled(writes)).then(() => {
      done(toWriteError(error));
    });
  }
}

function* pairs(numbers: readonly number[]): Generator<readonly [number, number]> {
  for (let index = 0; index < numbers.length; index += 2) {
    yield [numbers[index] ?? 0, numbers[index + 1] ?? 0];
  }
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
