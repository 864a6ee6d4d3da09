// Detects a consumer that does not request the next piece, so that the piece that was read ahead
// can be freed. If it stayed in memory, each of thousands of slow readers would hold a buffer.
import { returnFreedMemory } from "./bulk-memory.js";

/**
 * A consumer is slow if it takes longer than this for a piece. With pieces of 512 KiB, a faster
 * consumer reads more than 2.5 MB/s.
 */
const idleMs = 200;

interface IdleWatch extends Disposable {
  /**
   * Call this right before a piece is passed to the consumer. Starts measuring the consumer's time.
   */
  handOut(): void;
  /** Call this when the consumer requests the next piece. Stops measuring the consumer's time. */
  askedFor(): void;
  /**
   * Returns true if the consumer took so long with the last piece that nothing should be read
   * ahead.
   */
  isSlow(): boolean;
}

/** Makes a watch that calls `free` once for each piece that the consumer is slow with. */
export function createIdleWatch(free: () => void): IdleWatch {
  let timer: NodeJS.Timeout | undefined;
  let isOut = false;
  let slow = false;
  const onIdle = (): void => {
    if (!isOut) return;
    slow = true;
    free();
    returnFreedMemory();
  };
  return {
    handOut() {
      isOut = true;
      slow = false;
      if (timer === undefined) timer = setTimeout(onIdle, idleMs).unref();
      else timer.refresh();
    },
    askedFor: () => void (isOut = false),
    isSlow: () => slow,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
