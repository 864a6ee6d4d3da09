// Notices when most of the streams of a burst have closed. Their garbage is worth a collection.
import type { ServerHttp2Stream } from "node:http2";

export interface BurstWatch {
  /** Call it for each stream. */
  opened(stream: ServerHttp2Stream): void;
}

/**
 * The number of open streams that makes a burst. The burst has ended when a quarter of its streams
 * are left.
 */
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
