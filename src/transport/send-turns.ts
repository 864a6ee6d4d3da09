// Whose large message is on its way. Were all of a hundred downloads to send at once, HTTP/2 would mix their frames: all
// of their messages would be in memory, and none in a cache, until the last moment. A few at a time, first come
// first served, move more bytes and hold less.

export interface SendTurns {
  /** Resolves when it is the caller's turn, to what ends it. Nobody keeps it longer than its time. */
  take(): Promise<() => void>;
}

export interface SendTurnsOptions {
  readonly maxAtOnce: number;
  /** A message whose reader is slow does not hold up the others for longer. */
  readonly maxMs: number;
}

export function createSendTurns({ maxAtOnce, maxMs }: SendTurnsOptions): SendTurns {
  const waiting: (() => void)[] = [];
  let taken = 0;

  return {
    async take() {
      if (taken < maxAtOnce) taken++;
      // Who ends a turn hands it on.
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let ended = false;
      const end = (): void => {
        if (ended) return;
        ended = true;
        clearTimeout(timer);
        const next = waiting.shift();
        if (next === undefined) taken--;
        else next();
      };
      const timer = setTimeout(end, maxMs);
      return end;
    },
  };
}
