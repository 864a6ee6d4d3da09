// Notices a consumer that does not come for the next piece, so that what was read ahead for it can
// be freed: thousands of slow readers would hold a buffer each.
import { returnFreedMemory } from "./bulk-memory.js";

/** A reader that is quicker takes more than 2.5 MB/s, in pieces of 512 KiB. */
const idleMs = 200;

export interface IdleWatch extends Disposable {
  /** Right before a piece is handed out. */
  handOut(): void;
  /** Right after the next one was asked for. */
  askedFor(): void;
  /** Whether the last piece took its consumer so long that nothing should be read ahead for it. */
  isSlow(): boolean;
}

/** `free` is called once for each piece that its consumer is slow with. */
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
