// Who may call this daemon, from its configuration: certificates, the file of tokens, the socket.
import { statSync } from "node:fs";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { asksForCredentials } from "../config/check.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { reloadIdentities } from "../config/load.js";
import { findToken, readTokenFile } from "../config/token-file.js";
import { createAccess, type Access, type TokenSource } from "../transport/auth/access.js";

/** Throws FIELD_INVALID if the file of tokens is none. */
export function openAccess(config: DaemonConfig, clock: Clock, logger: Logger): Access {
  return createAccess({
    clock,
    identities: openIdentities(config, logger),
    ...(config.tokens === undefined ? {} : { tokens: openTokens(config.tokens, clock, logger) }),
    socket: { name: "unix", role: config.socketRole, namePrefix: "" },
    // Without any credentials, who reaches the listener is trusted: check.ts keeps it at home.
    ...(asksForCredentials(config)
      ? {}
      : { anonymous: { name: "anonymous", role: "operator", namePrefix: "" } }),
  });
}

/** Of the configuration file only these are followed: to take one out must not need a restart. */
function openIdentities(config: DaemonConfig, logger: Logger): () => DaemonConfig["identities"] {
  const { configFile, identities } = config;
  if (configFile === undefined) return () => identities;
  return followFile(configFile, identities, reloadIdentities, logger);
}

/** A file of tokens that has been removed holds none. */
function openTokens(path: string, clock: Clock, logger: Logger): TokenSource {
  const records = followFile(path, undefined, readTokenFile, logger);
  return {
    identify(token) {
      const record = findToken(records(), token, clock.now());
      if (record === undefined) return undefined;
      const { name, role, namePrefix } = record;
      return { name, role, namePrefix };
    },
  };
}

/**
 * What `read` makes of a file. The file is looked at each time, so that what is revoked is refused
 * at once. One that has become unreadable counts for what it held before.
 */
function followFile<T>(
  path: string,
  first: T | undefined,
  read: (path: string) => T,
  logger: Logger,
): () => T {
  // Before what it is the version of, so that no change falls in between.
  let version = versionOf(path);
  let current = first ?? read(path);
  return () => {
    const found = versionOf(path);
    if (found === version) return current;
    version = found;
    try {
      current = read(path);
      logger.info({ path }, "credentials read again");
    } catch (error) {
      logger.error(
        { err: error, path },
        "the file has changed and can't be used: the old one stays",
      );
    }
    return current;
  };
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}
