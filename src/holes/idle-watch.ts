// Notices a consumer that does not request the next piece, so that the piece that was read ahead
// can be freed. Otherwise thousands of slow readers would hold a buffer each.
import { returnFreedMemory } from "./bulk-memory.js";

/** A faster consumer reads more than 2.5 MB/s, in pieces of 512 KiB. */
const idleMs = 200;

interface IdleWatch extends Disposable {
  /** Called right before a piece is handed out. */
  handOut(): void;
  /** Called right after the next piece was requested. */
  askedFor(): void;
  /** True if the consumer took so long with the last piece that nothing should be read ahead. */
  isSlow(): boolean;
}

/** Calls `free` once for each piece that the consumer is slow with. */
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
