// Schedules downloads so that one sends at a time. If a hundred sent at once, HTTP/2 would
// interleave their frames. Every message would then stay in memory at both ends until its last
// frame, and no CPU cache would still hold it. So one download sends some megabytes, and then the
// next one sends, in the order of arrival. A download whose reader is slower than the daemon is not
// scheduled, because its reader already limits it.

export interface SendScheduler {
  /** Opens the sender of one call. */
  open(): Sender;
  /** Returns the number of downloads that wait for the right to send. */
  waiting(): number;
}

export interface Sender {
  /**
   * Returns whether the reader is slow: a message was not sent within `maxPauseMs`. The sender is
   * not scheduled until a message is sent in less time.
   */
  isBehind(): boolean;
  /**
   * Resolves when the sender may send a message of this many bytes. Only one call may be pending.
   */
  begin(bytes: number): Promise<void>;
  /** Call it when the current message has been sent. */
  sent(): void;
  /** Call it when the call has ended and sends nothing more. */
  close(): void;
}

interface SendSchedulerOptions {
  /** Bytes that a sender may send before it passes the right to send to a waiting sender. */
  readonly maxBytes: number;
  /** A sender that sends nothing for this time loses the right to send. */
  readonly maxPauseMs: number;
}

export function createSendScheduler(options: SendSchedulerOptions): SendScheduler {
  const slot = createSlot();
  return { open: () => openSender(slot, options), waiting: slot.waiting };
}

/** The right to send, which one sender has at a time. */
interface SendRight {
  isWanted(): boolean;
  waiting(): number;
  acquire(): Promise<void>;
  /** Passes the right to the sender that has waited longest. */
  release(): void;
}

function createSlot(): SendRight {
  const waiting: (() => void)[] = [];
  let isTaken = false;
  return {
    isWanted: () => waiting.length > 0,
    waiting: () => waiting.length,
    async acquire() {
      if (isTaken) await new Promise<void>((resolve) => waiting.push(resolve));
      isTaken = true;
    },
    release() {
      const next = waiting.shift();
      // If there is a next sender, the right stays taken, so that nobody can acquire it in between.
      if (next === undefined) isTaken = false;
      else next();
    },
  };
}

function openSender(slot: SendRight, { maxBytes, maxPauseMs }: SendSchedulerOptions): Sender {
  /** Runs while this sender has the right to send. */
  let timer: NodeJS.Timeout | undefined;
  let leftBytes = 0;
  let onTheirWay = 0;
  let isBehind = false;
  let beganAt = 0;
  let closed = false;

  const release = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    slot.release();
  };
  const paused = (): void => {
    isBehind = onTheirWay > 0;
    release();
  };
  const acquire = async (): Promise<void> => {
    await slot.acquire();
    timer = setTimeout(paused, maxPauseMs);
    leftBytes = maxBytes;
    if (closed) release();
  };
  return {
    isBehind: () => isBehind,
    async begin(bytes) {
      if (leftBytes <= 0 && slot.isWanted()) release();
      if (timer === undefined && !isBehind) await acquire();
      timer?.refresh();
      leftBytes -= bytes;
      onTheirWay++;
      beganAt = performance.now();
    },
    sent() {
      onTheirWay--;
      if (performance.now() - beganAt < maxPauseMs) isBehind = false;
      timer?.refresh();
    },
    close() {
      closed = true;
      release();
    },
  };
}
