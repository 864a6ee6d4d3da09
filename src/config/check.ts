// Checks the rules that concern several options of the daemon, including the addresses that it may
// listen on.
import { formatBytesExactly } from "../base/sizes.js";
import { StoreError, fieldInvalid } from "../base/errors.js";
import { isLoopbackHost, maxSocketPathBytes, type HostPort } from "../base/host-port.js";
import { daemonOptions, type DaemonConfig } from "./daemon-options.js";
import { noneWord } from "./option.js";
import { formatSize } from "./units.js";

/** Upper bound of a chunk's frame without the chunk, in bytes. */
const frameOverheadBytes = 64;

export function checkDaemonConfig(config: DaemonConfig): void {
  checkListeners(config);
  checkCollection(config);
  const largestChunk = config.maxMessageBytes - frameOverheadBytes;
  if (config.chunkBytes > largestChunk) {
    throw fieldInvalid(
      daemonOptions.chunkBytes.key,
      `at most max_message less ${frameOverheadBytes} bytes, which is ${formatBytesExactly(largestChunk)}`,
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

/**
 * Refuses groups without a criterion that uses them, and a policy without a schedule. Without these
 * checks, an operator would believe that they are applied.
 */
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
    const hint = "Without the two nobody could reach the daemon";
    throw fieldInvalid("listen", `an address, if socket is "${noneWord}"`, noneWord, hint);
  }
  const { socket, adminListen: admin } = config;
  if (socket !== undefined) checkSocketPath("socket", socket);
  checkTls(config);
  if (config.listen !== undefined) checkTcp(config, config.listen, "listen");
  if (admin?.kind === "tcp") checkTcp(config, admin, "admin_listen");
  if (admin?.kind !== "unix") return;
  checkSocketPath("admin_listen", admin.path);
  if (admin.path !== socket) return;
  throw fieldInvalid("admin_listen", "another path than socket has", admin.path);
}

function checkSocketPath(key: "socket" | "admin_listen", path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxSocketPathBytes) return;
  const flag = key.replaceAll("_", "-");
  throw fieldInvalid(
    key,
    `a path of at most ${maxSocketPathBytes} bytes, as the kernel allows`,
    `${bytes} bytes: ${path}`,
    `Give a shorter one with --${flag} ${key === "socket" ? "" : "unix:"}PATH, or --${flag} ${noneWord}`,
  );
}

type TcpKey = "listen" | "admin_listen";

/** Checks who can reach the TCP address, and which credentials they need. */
function checkTcp(config: DaemonConfig, { host, port }: HostPort, key: TcpKey): void {
  const local = isLoopbackHost(host);
  const reached = local ? "every user of this machine" : "other machines";
  const { unauthenticatedTcp, serverCert, plaintextNetwork } = config;
  if (asksForCredentials(config)) {
    if (unauthenticatedTcp !== "none") {
      const expected = `"${noneWord}", since tokens or client_ca is set`;
      const hint = "Callers over TCP either need a credential or do not";
      throw fieldInvalid("unauthenticated_tcp", expected, unauthenticatedTcp, hint);
    }
    if (local || serverCert !== undefined || plaintextNetwork) return;
    const hint =
      "Set server_cert and server_key, or --plaintext-network if everybody on the way may take " +
      "tokens and data";
    throw listenRefused(
      key,
      `${host} can be reached by ${reached}, and the daemon has no TLS`,
      hint,
    );
  }
  if (unauthenticatedTcp === "network" || (local && unauthenticatedTcp === "this-machine")) return;
  const scope = local ? "this-machine" : "network";
  throw listenRefused(
    key,
    `${host}:${port} can be reached by ${reached}, and the daemon asks for no credentials`,
    `Use the Unix socket alone (leave out ${key}), or set tokens or client_ca; ` +
      `--unauthenticated-tcp ${scope} lets ${local ? reached : "everybody on the network"} ` +
      (key === "listen" ? "read, replace and delete all snapshots" : "see all snapshots"),
  );
}

function listenRefused(key: TcpKey, message: string, hint: string): StoreError {
  const description = "expected an address whose callers have to show credentials";
  return new StoreError("FIELD_INVALID", `${key}: ${message}`, {
    hint,
    fields: [{ field: key, description }],
  });
}

/** Returns true if callers over TCP need a token or a certificate. */
function asksForCredentials(config: DaemonConfig): boolean {
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
