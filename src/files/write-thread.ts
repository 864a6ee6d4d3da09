// Represents one write worker in the main thread: its messages, its buffers, and the number of
// pieces that it still accepts.
import { Worker } from "node:worker_threads";
import { createThreadSemaphore, maxDirectWrites } from "../holes/write-slots.js";
import {
  bufferBytes,
  piecesPerWorker,
  type LaneDigests,
  type ToMain,
  type ToWorker,
  type WriteError,
} from "./write-worker-messages.js";

/** The callbacks of a lane, which its thread calls. */
export interface LaneEvents {
  /**
   * Called when the piece at this offset was written, or could not be written because of `error`.
   */
  done(offset: number, error: Error | undefined): void;
  flushed(error: Error | undefined): void;
  finished(result: LaneDigests): void;
  /** Called when the thread has died. */
  failed(error: Error): void;
  /** Sends the partly filled buffer of the lane. */
  flush(): void;
}

/** Limits the direct writes of all threads together. */
const directWrites = createThreadSemaphore(maxDirectWrites);

export class WriteThread {
  readonly #worker: Worker;
  readonly #lanes = new Map<number, LaneEvents>();
  /** Lanes that are filling a buffer, the oldest first. */
  readonly #filling = new Set<LaneEvents>();
  /** Buffers that the worker has returned. */
  readonly #spare: ArrayBuffer[] = [];
  /** Number of pieces that may still be sent. */
  #room = piecesPerWorker;
  /** Lanes that wait for room; the first one to wait is the first one served. */
  readonly #waiting: (() => void)[] = [];
  #lastLane = 0;
  #failure: Error | undefined;

  constructor() {
    const url = new URL("./write-worker.js", import.meta.url);
    this.#worker = new Worker(url, { workerData: directWrites.shared });
    // The thread alone does not keep the process alive. A caller that waits for it holds an open
    // handle.
    this.#worker.unref();
    this.#worker.on("message", (message: ToMain) => this.#receive(message));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", (code) => {
      this.#die(new Error(`a write worker ended with status ${code}`));
    });
  }

  /** The error that ended the thread. Undefined while the thread is alive. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Returns true if a lane is waiting until it may send a piece. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Adds a lane and returns the number that identifies it in messages. */
  addLane(lane: LaneEvents): number {
    this.#lastLane += 1;
    this.#lanes.set(this.#lastLane, lane);
    return this.#lastLane;
  }

  hasLane(lane: number): boolean {
    return this.#lanes.has(lane);
  }

  removeLane(lane: number): boolean {
    return this.#lanes.delete(lane);
  }

  post(message: ToWorker, ...transferred: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transferred);
  }

  /** Waits until one more piece may be sent. */
  async takeRoom(): Promise<void> {
    this.#throwIfDead();
    if (this.#room === 0) {
      // A lane with a slow peer must not hold room while others wait, so its partly filled buffer
      // is sent. A lane that has failed returns its room at once.
      const [oldest] = this.#filling;
      oldest?.flush();
    }
    if (this.#room > 0) this.#room--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#throwIfDead();
  }

  /**
   * Releases the room of a piece that was written or was never sent. Keeps the buffer, if there is
   * one, for another piece.
   */
  returnRoom(buffer: ArrayBuffer | undefined): void {
    if (buffer !== undefined) this.#spare.push(buffer);
    const next = this.#waiting.shift();
    // The room goes directly to the first waiter, so that no other lane can take it.
    if (next === undefined) this.#room++;
    else next();
  }

  /** Returns a buffer that `lane` fills and sends. This takes the room of one piece. */
  async beginBuffer(lane: LaneEvents): Promise<ArrayBuffer> {
    await this.takeRoom();
    this.#filling.add(lane);
    return this.#spare.pop() ?? new ArrayBuffer(bufferBytes);
  }

  endBuffer(lane: LaneEvents): void {
    this.#filling.delete(lane);
  }

  #receive(message: ToMain): void {
    const lane = this.#lanes.get(message.lane);
    switch (message.kind) {
      case "done":
        this.returnRoom(message.buffer);
        return lane?.done(message.offset, toError(message.error));
      case "flushed":
        return lane?.flushed(toError(message.error));
      case "finished":
        return lane?.finished(message.result);
    }
  }

  #die(error: Error): void {
    this.#failure ??= error;
    for (const lane of this.#lanes.values()) lane.failed(this.#failure);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #throwIfDead(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function toError(error: WriteError | undefined): Error | undefined {
  return error && Object.assign(new Error(error.message), error);
}
