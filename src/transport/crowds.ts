// Notices when many streams have closed: what they leave in memory is worth a collection.
import type { ServerHttp2Stream } from "node:http2";

export interface Crowds {
  /** Call it for each stream. */
  opened(stream: ServerHttp2Stream): void;
}

/** So many streams are a crowd, and it is gone when a quarter of it is left. */
const crowdSize = 16;

export function createCrowds(onGone: () => void): Crowds {
  let open = 0;
  let most = 0;
  const closed = (): void => {
    open--;
    if (most < crowdSize || open > most / 4) return;
    most = open;
    onGone();
  };
  return {
    opened(stream) {
      if (stream.closed || stream.destroyed) return;
      open++;
      most = Math.max(most, open);
      stream.once("close", closed);
    },
  };
}
