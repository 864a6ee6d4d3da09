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
  checkTls(config);
  const host = config.listen?.host;
  if (host === undefined || isLoopbackHost(host) || config.insecureListen) return;
  if (config.serverCert !== undefined && asksForCredentials(config)) return;
  const lacks = config.serverCert === undefined ? "TLS" : "credentials";
  throw new StoreError(
    "FIELD_INVALID",
    `listen: ${host} can be reached by other machines, and the daemon has no ${lacks}`,
    {
      hint:
        "Listen on 127.0.0.1, or set server_cert, server_key and tokens or client_ca with identities; " +
        "add --insecure-listen if everybody on the network may do everything",
      fields: [{ field: "listen", description: "expected a loopback address" }],
    },
  );
}

/** True if callers over TCP have to show a token or a certificate. */
export function asksForCredentials(config: DaemonConfig): boolean {
  return config.tokens !== undefined || config.clientCa !== undefined;
}

function checkTls({ serverCert, serverKey, clientCa, identities }: DaemonConfig): void {
  if ((serverCert === undefined) !== (serverKey === undefined)) {
    const [key, other] =
      serverCert === undefined ? ["server_cert", "server_key"] : ["server_key", "server_cert"];
    throw fieldInvalid(key, `a file, since ${other} is set`, noneWord);
  }
  if (clientCa !== undefined && serverCert === undefined) {
    throw fieldInvalid("server_cert", "a file, since client_ca is set", noneWord);
  }
  if (identities.length > 0 && clientCa === undefined) {
    throw fieldInvalid(
      "client_ca",
      "a file, since there are identities with certificates",
      noneWord,
    );
  }
}
