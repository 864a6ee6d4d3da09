// Rules between options of the daemon, and the one on listening to the network.
import { StoreError, fieldInvalid } from "../base/errors.js";
import { isLoopbackHost, maxSocketPathBytes } from "../base/host-port.js";
import { daemonOptions, type DaemonConfig } from "./daemon-options.js";
import { noneWord } from "./option.js";
import { formatSize } from "./units.js";

/** Bytes of a chunk's frame besides the chunk; generous. */
const frameOverheadBytes = 64;

export function checkDaemonConfig(config: DaemonConfig): void {
  checkListeners(config);
  checkCollection(config);
  const largestChunk = config.maxMessageBytes - frameOverheadBytes;
  if (config.chunkBytes > largestChunk) {
    throw fieldInvalid(
      daemonOptions.chunkBytes.key,
      `at most max_message less ${frameOverheadBytes} bytes, which is ${largestChunk} bytes`,
      formatSize(config.chunkBytes),
    );
  }
  if (config.connectionWindowBytes < config.streamWindowBytes) {
    throw fieldInvalid(
      daemonOptions.connectionWindowBytes.key,
      `at least stream_window, which is ${formatSize(config.streamWindowBytes)}`,
      formatSize(config.connectionWindowBytes),
    );
  }
}

/** A policy that nobody applies would be taken for one that is. */
function checkCollection(config: DaemonConfig): void {
  const { gcIntervalMs, gcKeepLast, gcMaxAgeMs, gcMaxBytes, gcGroupByLabel } = config;
  const grouped = gcGroupByLabel !== "";
  if (grouped && gcKeepLast === 0 && gcMaxBytes === 0) {
    const key = daemonOptions.gcGroupByLabel.key;
    throw fieldInvalid(key, "gc_keep_last or gc_max_size beside it", gcGroupByLabel);
  }
  if (gcIntervalMs > 0 || (gcKeepLast === 0 && gcMaxAgeMs === 0 && gcMaxBytes === 0)) return;
  throw fieldInvalid(
    daemonOptions.gcIntervalMs.key,
    "a duration above 0 where there is a policy",
    "0s",
    "Set --gc-interval, for example 1h",
  );
}

function checkListeners(config: DaemonConfig): void {
  if (config.listen === undefined && config.socket === undefined) {
    throw fieldInvalid("listen", `an address, if socket is "${noneWord}"`, noneWord);
  }
  const socketBytes = Buffer.byteLength(config.socket ?? "");
  if (socketBytes > maxSocketPathBytes) {
    throw fieldInvalid(
      "socket",
      `a path of at most ${maxSocketPathBytes} bytes, as the kernel allows`,
      `${socketBytes} bytes: ${config.socket}`,
      `Give a shorter one with --socket PATH, or --socket ${noneWord}`,
    );
  }
  const host = config.listen?.host;
  if (host === undefined || isLoopbackHost(host) || config.insecureListen) return;
  throw new StoreError(
    "FIELD_INVALID",
    `listen: ${host} can be reached by other machines, and the daemon has no TLS yet`,
    {
      hint: "Listen on 127.0.0.1, or add --insecure-listen if the network is trusted",
      fields: [{ field: "listen", description: "expected a loopback address" }],
    },
  );
}
