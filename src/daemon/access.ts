// Who may call this daemon, from its configuration: certificates, the file of tokens, the socket.
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { reloadTables } from "../config/load.js";
import { findToken, readTokenFile } from "../config/token-file.js";
import { createAccess, type Access, type TokenSource } from "../transport/auth/access.js";
import { followFile } from "./follow-file.js";

/** Throws FIELD_INVALID if the file of tokens is none. */
export function openAccess(config: DaemonConfig, clock: Clock, logger: Logger): Access {
  return createAccess({
    clock,
    identities: openIdentities(config, logger),
    ...(config.tokens === undefined ? {} : { tokens: openTokens(config.tokens, clock, logger) }),
    socket: { name: "unix", role: config.socketRole, namePrefix: "", shared: true },
    ...(config.unauthenticatedTcp === "none"
      ? {}
      : { anonymous: { name: "anonymous", role: "operator", namePrefix: "" } }),
  });
}

/** Followed, since to take one out must not need a restart. */
function openIdentities(config: DaemonConfig, logger: Logger): () => DaemonConfig["identities"] {
  const { configFile, identities } = config;
  if (configFile === undefined) return () => identities;
  const read = (path: string) => reloadTables(path).identities;
  return followFile(configFile, { first: identities, read, what: "credentials" }, logger);
}

/** A file of tokens that has been removed holds none. */
function openTokens(path: string, clock: Clock, logger: Logger): TokenSource {
  const records = followFile(path, { read: readTokenFile, what: "credentials" }, logger);
  return {
    identify(token) {
      const record = findToken(records(), token, clock.now());
      if (record === undefined) return undefined;
      const { name, role, namePrefix } = record;
      return { name, role, namePrefix };
    },
  };
}
