// Which download sends. Were all of a hundred to send at once, HTTP/2 would mix their frames: all of their messages
// would be in memory at both ends, in no cache and old before they are garbage, until the last moment. So
// one sends some megabytes, then the next, first come first served. A reader that takes less than it is sent
// needs no turn: it is held up by itself.

export interface SendTurns {
  /** For one call. */
  open(): Sender;
}

export interface Sender {
  /** Whether what was sent last waits for its reader: then no turn is needed. */
  isBehind(): boolean;
  /** Resolves when a message of this many bytes may be sent. One at a time. */
  begin(bytes: number): Promise<void>;
  /** A message that was begun has been sent. */
  sent(): void;
  /** The call is over: nothing more is sent. */
  close(): void;
}

export interface SendTurnsOptions {
  /** Bytes of a turn, if others wait. */
  readonly maxBytes: number;
  /** A turn in which nothing is begun or sent for this time goes to the next. */
  readonly maxPauseMs: number;
}

export function createSendTurns({ maxBytes, maxPauseMs }: SendTurnsOptions): SendTurns {
  const waiting: (() => void)[] = [];
  let isTaken = false;

  function open(): Sender {
    let turn: NodeJS.Timeout | undefined;
    let leftBytes = 0;
    let onTheirWay = 0;
    let isBehind = false;
    let beganAt = 0;
    let closed = false;

    const end = (): void => {
      if (turn === undefined) return;
      clearTimeout(turn);
      turn = undefined;
      const next = waiting.shift();
      // Who ends a turn hands it on.
      if (next === undefined) isTaken = false;
      else next();
    };
    const pause = (): void => {
      isBehind = onTheirWay > 0;
      end();
    };
    const take = async (): Promise<void> => {
      if (isTaken) await new Promise<void>((resolve) => waiting.push(resolve));
      isTaken = true;
      turn = setTimeout(pause, maxPauseMs);
      leftBytes = maxBytes;
      if (closed) end();
    };
    return {
      isBehind: () => isBehind,
      async begin(bytes) {
        if (leftBytes <= 0 && waiting.length > 0) end();
        if (turn === undefined && !isBehind) await take();
        turn?.refresh();
        leftBytes -= bytes;
        onTheirWay++;
        beganAt = performance.now();
      },
      sent() {
        onTheirWay--;
        if (performance.now() - beganAt < maxPauseMs) isBehind = false;
        turn?.refresh();
      },
      close() {
        closed = true;
        end();
      },
    };
  }
  return { open };
}
