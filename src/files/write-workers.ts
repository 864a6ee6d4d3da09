// Threads that hash and write the data of large files while the main thread receives more.
//
// Large pieces, the chunks of an upload, are transferred as they are. Others are views of memory
// that their maker goes on using, such as the output of zlib: they are copied into buffers that are
// transferred, since V8 copies into shared memory at a third of the rate. The copy is used to
// gather them: buffers begin and end where pages and blocks of digests do. How the thread writes
// them is told in holes/direct-writer.ts.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { createBudget, maxDirectWrites } from "../holes/direct-writer.js";
import { ioError } from "../holes/errno.js";
import type { WritePool } from "../holes/write-pool.js";
import type { BlockTable } from "./block-table.js";
import {
  bufferBytes,
  maxTakenBytes,
  minTakenBytes,
  piecesPerWorker,
  type ToMain,
  type ToWorker,
  type WriteError,
  type WriteMessage,
} from "./write-worker-messages.js";

/** One file that is written by a worker. Offsets ascend. */
export interface WriteLane extends WritePool {
  /** After `idle`: the digests of all that was written. Only once. */
  finish(sizeBytes: number): Promise<BlockTable>;
  /** After `idle`: forgets the file; nothing happens after `finish`. */
  drop(): void;
}

export interface WriteWorkers extends AsyncDisposable {
  /** `fd` must stay open until the lane is idle. */
  openLane(fd: number, path: string): WriteLane;
}

/** The main thread needs a core too; more than four write faster than any disk. */
const defaultWorkers = Math.min(4, Math.max(1, availableParallelism() - 1));

/** Starts a thread when it is needed first: each takes some 10 MB. */
export function openWriteWorkers(maxWorkers: number = defaultWorkers): WriteWorkers {
  const threads: WriteThread[] = [];
  let turn = 0;
  return {
    openLane: (fd, path) => {
      const index = turn++ % maxWorkers;
      const living = threads[index];
      const thread = living?.failure === undefined && living !== undefined ? living : startThread();
      threads[index] = thread;
      return openLane(thread, fd, path);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(threads.map((thread) => thread.worker.terminate()));
    },
  };
}

interface LaneEvents {
  readonly done: (offset: number, error: Error | undefined) => void;
  readonly settled: (error: Error | undefined) => void;
  readonly finished: (table: BlockTable) => void;
  readonly failed: (error: Error) => void;
}

interface WriteThread {
  readonly worker: Worker;
  /** Pieces that may still be sent to it. */
  room: number;
  /** Buffers that came back. */
  readonly spare: ArrayBuffer[];
  /** Those who wait for room, first come first served. */
  readonly waiting: (() => void)[];
  readonly lanes: Map<number, LaneEvents>;
  /** Lanes that hold a buffer which is not full yet, by how to send it, the oldest first. */
  readonly gathering: Set<() => void>;
  nextLane: number;
  /** Set when the thread has died. */
  failure: Error | undefined;
}

/** Of all threads together. */
const directWrites = createBudget(maxDirectWrites);

function startThread(): WriteThread {
  const worker = new Worker(new URL("./write-worker.js", import.meta.url), {
    workerData: directWrites.shared,
  });
  const thread: WriteThread = {
    worker,
    room: piecesPerWorker,
    spare: [],
    waiting: [],
    lanes: new Map(),
    gathering: new Set(),
    nextLane: 0,
    failure: undefined,
  };
  // It alone does not keep the process alive: whoever waits for it has something else open.
  worker.unref();
  worker.on("message", (message: ToMain) => {
    const lane = thread.lanes.get(message.lane);
    switch (message.kind) {
      case "done":
        release(thread, message.buffer);
        return lane?.done(message.offset, toError(message.error));
      case "settled":
        return lane?.settled(toError(message.error));
      case "finished":
        return lane?.finished(message.table);
    }
  });
  const die = (error: Error): void => {
    thread.failure ??= error;
    for (const lane of thread.lanes.values()) lane.failed(thread.failure);
    for (const wake of thread.waiting.splice(0)) wake();
  };
  worker.on("error", die);
  worker.on("exit", (code) => die(new Error(`a write worker ended with status ${code}`)));
  return thread;
}

function toError(error: WriteError | undefined): Error | undefined {
  return error && Object.assign(new Error(error.message), error);
}

function release(thread: WriteThread, buffer: ArrayBuffer | undefined): void {
  if (buffer !== undefined) thread.spare.push(buffer);
  const next = thread.waiting.shift();
  // Handed on, so that nobody gets in between.
  if (next === undefined) thread.room++;
  else next();
}

/** Takes the room of one piece. */
async function takeRoom(thread: WriteThread): Promise<void> {
  throwIfDead(thread);
  if (thread.room === 0) {
    // A lane whose peer is slow must not keep the others waiting: its buffer goes as it is. One
    // that has failed gives its room back at once.
    const [oldest] = thread.gathering;
    oldest?.();
  }
  if (thread.room > 0) thread.room--;
  else await new Promise<void>((resolve) => thread.waiting.push(resolve));
  throwIfDead(thread);
}

function throwIfDead({ failure }: WriteThread): void {
  if (failure !== undefined) throw failure;
}

function openLane(thread: WriteThread, fd: number, path: string): WriteLane {
  const lane = thread.nextLane++;
  /** Lengths of the pieces that are under way, by their offsets, which ascend. */
  const pending = new Map<number, number>();
  /** Bytes that wait for more behind them. */
  let gathered: { buffer: ArrayBuffer; offset: number; length: number } | undefined;
  let failure: Error | undefined;
  let onSettled: (() => void) | undefined;
  let onTable: ((table: BlockTable) => void) | undefined;
  let onFailure: ((error: Error) => void) | undefined;
  const send = (message: ToWorker, ...transferred: ArrayBuffer[]): void =>
    thread.worker.postMessage(message, transferred);
  const fail = (error: Error): void => {
    failure ??= error;
    onFailure?.(error);
  };
  const failWriting = (error: Error, bytes: string): void => {
    fail(ioError(error, { what: `write ${bytes}`, path }));
  };
  const sendPiece = (piece: Omit<WriteMessage, "kind" | "lane" | "fd" | "path">): void => {
    const { buffer, returned, offset, length } = piece;
    if (failure !== undefined) return release(thread, returned ? buffer : undefined);
    pending.set(offset, length);
    send({ kind: "write", lane, fd, path, ...piece }, buffer);
  };
  const flush = (): void => {
    if (gathered === undefined) return;
    const piece = gathered;
    gathered = undefined;
    thread.gathering.delete(flush);
    sendPiece({ ...piece, start: 0, returned: true });
  };
  const gather = async (offset: number, bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      if (gathered === undefined) {
        await takeRoom(thread);
        const buffer = thread.spare.pop() ?? new ArrayBuffer(bufferBytes);
        gathered = { buffer, offset: at, length: 0 };
        thread.gathering.add(flush);
      }
      const { buffer, length: start } = gathered;
      const end = Math.min(bytes.length, done + bufferBytes - (at % bufferBytes));
      new Uint8Array(buffer, start).set(bytes.subarray(done, end));
      gathered.length += end - done;
      done = end;
      if ((offset + done) % bufferBytes === 0) flush();
      check();
    }
    // A waiting lane has sent its buffers already. It must not buffer again before this flush.
    if (thread.waiting.length > 0) flush();
  };
  thread.lanes.set(lane, {
    done: (offset, error) => {
      const length = pending.get(offset) ?? 0;
      pending.delete(offset);
      if (error !== undefined) failWriting(error, `${length} bytes at offset ${offset}`);
    },
    settled: (error) => {
      if (error !== undefined) failWriting(error, "the last bytes");
      onSettled?.();
    },
    finished: (table) => onTable?.(table),
    failed: (error) => {
      pending.clear();
      fail(error);
      onSettled?.();
    },
  });
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    check,
    write: async (offset, chunk) => {
      const { bytes } = chunk;
      const { byteOffset: start, length } = bytes;
      const takeable = length >= minTakenBytes && length <= maxTakenBytes;
      const buffer = takeable ? chunk.takeMemory() : undefined;
      const follows = gathered !== undefined && gathered.offset + gathered.length === offset;
      if (buffer !== undefined || !follows) flush();
      if (buffer === undefined) return gather(offset, bytes);
      await takeRoom(thread);
      sendPiece({ buffer, returned: false, start, length, offset });
      check();
    },
    settledBefore: (end) => {
      const [first = gathered?.offset ?? end] = pending.keys();
      return Math.min(end, first);
    },
    idle: async () => {
      flush();
      // One that has finished has nothing under way, and nobody would answer.
      if (thread.failure !== undefined || !thread.lanes.has(lane)) return;
      await new Promise<void>((resolve) => {
        onSettled = resolve;
        send({ kind: "settle", lane });
      });
    },
    finish: async (sizeBytes) => {
      check();
      const table = await new Promise<BlockTable>((resolve, reject) => {
        [onTable, onFailure] = [resolve, reject];
        send({ kind: "finish", lane, sizeBytes });
      });
      thread.lanes.delete(lane);
      return table;
    },
    drop: () => {
      if (thread.lanes.delete(lane)) send({ kind: "drop", lane });
    },
  };
}
