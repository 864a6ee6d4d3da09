// One write worker as seen by the main thread: its messages, its buffers, and how many more pieces
// it accepts.
import { Worker } from "node:worker_threads";
import { createThreadSemaphore, maxDirectWrites } from "../holes/write-slots.js";
import type { BlockTable } from "./block-table.js";
import {
  bufferBytes,
  piecesPerWorker,
  type ToMain,
  type ToWorker,
  type WriteError,
} from "./write-worker-messages.js";

/** Callbacks that a lane receives from its thread. */
export interface LaneEvents {
  /** The piece at this offset was written, unless there is an error. */
  done(offset: number, error: Error | undefined): void;
  flushed(error: Error | undefined): void;
  finished(table: BlockTable): void;
  /** The thread has died. */
  failed(error: Error): void;
  /** Sends the partly filled buffer of the lane. */
  flush(): void;
}

/** Direct writes of all threads together. */
const directWrites = createThreadSemaphore(maxDirectWrites);

export class WriteThread {
  readonly #worker: Worker;
  readonly #lanes = new Map<number, LaneEvents>();
  /** Lanes that are filling a buffer, the oldest first. */
  readonly #filling = new Set<LaneEvents>();
  /** Buffers that the worker has returned. */
  readonly #spare: ArrayBuffer[] = [];
  /** Pieces that may still be sent. */
  #room = piecesPerWorker;
  /** Lanes that wait for room, first come first served. */
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

  /** Set when the thread has died. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether a lane waits until it may send a piece. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Returns the number of the lane in messages. */
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
      // A lane with a slow peer must not hold room while others wait: its buffer is sent as it is.
      // A lane that has failed returns its room at once.
      const [oldest] = this.#filling;
      oldest?.flush();
    }
    if (this.#room > 0) this.#room--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#throwIfDead();
  }

  /** Returns the room of a piece that was not sent, or was written, and its buffer. */
  returnRoom(buffer: ArrayBuffer | undefined): void {
    if (buffer !== undefined) this.#spare.push(buffer);
    const next = this.#waiting.shift();
    // The room goes to the first waiter directly, so that nobody else can take it.
    if (next === undefined) this.#room++;
    else next();
  }

  /** A buffer that `lane` fills and sends. Takes the room of a piece. */
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
        return lane?.finished(message.table);
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
