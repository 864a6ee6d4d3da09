// Notices when most of many streams have closed. Their garbage is worth a collection.
import type { ServerHttp2Stream } from "node:http2";

export interface BurstWatch {
  /** Call it for each stream. */
  opened(stream: ServerHttp2Stream): void;
}

/** This many streams at once are a burst. It is over when a quarter of them is left. */
const burstStreams = 16;

export function createBurstWatch(onOver: () => void): BurstWatch {
  let open = 0;
  let most = 0;
  const closed = (): void => {
    open--;
    if (most < burstStreams || open > most / 4) return;
    most = open;
    onOver();
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
