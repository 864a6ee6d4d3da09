// Connects to other nodes. A name in the configuration file uses the credentials that are listed
// there. An address alone uses plain text and no credentials.
import { readFileSync } from "node:fs";
import { StoreError, fieldInvalid, messageOf } from "../base/errors.js";
import { denialHint, errnoMetadata } from "../base/owner.js";
import type { Logger } from "../base/logger.js";
import { connect, type ConnectOptions, type TlsOptions } from "../client/index.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { reloadTables } from "../config/load.js";
import type { ConfiguredPeer, PeerTls } from "../config/peers.js";
import { peerClient, type PeerClient } from "../replication/peer-client.js";
import { followFile } from "./follow-file.js";
import type { ReloadStep } from "./reload.js";

/**
 * Connects to a node. Throws FIELD_INVALID for a name that is not in the file, and for unusable
 * files.
 */
type ConnectPeer = (nameOrAddress: string, field: string) => PeerClient;

interface OpenPeers {
  readonly connect: ConnectPeer;
  readonly steps: readonly ReloadStep[];
}

/**
 * Returns the connections to peers. Names are looked up and files are read for each connection, so
 * that a change applies to the next one.
 */
export function openPeers({ configFile, peers }: DaemonConfig, logger: Logger): OpenPeers {
  const read = (path: string) => reloadTables(path).peers;
  const followed =
    configFile === undefined
      ? undefined
      : followFile(configFile, { first: peers, read, what: "[[peers]]" }, logger);
  const current = () => followed?.current() ?? peers;
  const connectPeer: ConnectPeer = (nameOrAddress, field) => {
    if (nameOrAddress.includes(":")) {
      return peerClient(nameOrAddress, connect(nameOrAddress));
    }
    const peer = current().find(({ name }) => name === nameOrAddress);
    if (peer === undefined) throw unknownPeer(nameOrAddress, field, current());
    return peerClient(peer.name, connect(peer.address, optionsOf(peer)));
  };
  return { connect: connectPeer, steps: followed === undefined ? [] : [followed] };
}

function unknownPeer(name: string, field: string, known: readonly ConfiguredPeer[]): StoreError {
  const names = known.map((peer) => peer.name).sort();
  const expected =
    names.length === 0
      ? "HOST:PORT or unix:PATH, since the configuration file has no [[peers]]"
      : `one of the peers ${names.join(", ")}, HOST:PORT or unix:PATH`;
  return fieldInvalid(field, expected, name, "Peers are in [[peers]] of the configuration file");
}

function optionsOf({ name, tls, tokenFile }: ConfiguredPeer): ConnectOptions {
  const pem = (key: string, path: string | undefined) =>
    path === undefined ? undefined : readFor(name, key, path);
  return {
    ...(tls === undefined ? {} : { tls: tlsOf(tls, pem) }),
    ...(tokenFile === undefined ? {} : { token: () => readFor(name, "token_file", tokenFile) }),
  };
}

function tlsOf(
  { serverName, ...paths }: PeerTls,
  pem: (key: string, path: string | undefined) => string | undefined,
): TlsOptions {
  const ca = pem("ca", paths.ca);
  const cert = pem("cert", paths.cert);
  const key = pem("key", paths.key);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function readFor(peer: string, key: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = messageOf(cause);
    const message = `${key} of the peer ${peer} cannot be read: ${why}`;
    const hint = denialHint(cause, path, "read");
    throw new StoreError("FIELD_INVALID", message, {
      fields: [{ field: "peers", description: `expected a readable file as ${key} of ${peer}` }],
      metadata: errnoMetadata(cause),
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
