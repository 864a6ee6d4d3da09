// Who may call this daemon, from its configuration: certificates, the file of tokens, the socket.
import { statSync } from "node:fs";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import { asksForCredentials } from "../config/check.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { findToken, readTokenFile, type TokenRecord } from "../config/token-file.js";
import { createAccess, type Access, type TokenSource } from "../transport/auth/access.js";

/** Throws FIELD_INVALID if the file of tokens is none. */
export function openAccess(config: DaemonConfig, clock: Clock, logger: Logger): Access {
  return createAccess({
    clock,
    identities: config.identities,
    ...(config.tokens === undefined ? {} : { tokens: openTokens(config.tokens, clock, logger) }),
    socket: { name: "unix", role: config.socketRole, namePrefix: "" },
    // Without any credentials, who reaches the listener is trusted: check.ts keeps it at home.
    ...(asksForCredentials(config)
      ? {}
      : { anonymous: { name: "anonymous", role: "operator", namePrefix: "" } }),
  });
}

/**
 * The file is looked at with each call that shows a token, so that what is revoked is refused at
 * once. One that has been removed holds no tokens; one that has become unreadable counts for what
 * it held before.
 */
function openTokens(path: string, clock: Clock, logger: Logger): TokenSource {
  // Before what it is the version of, so that no change falls in between.
  let version = versionOf(path);
  let records: readonly TokenRecord[] = readTokenFile(path);
  return {
    identify(token) {
      const found = versionOf(path);
      if (found !== version) {
        version = found;
        try {
          records = readTokenFile(path);
          logger.info({ path, tokens: records.length }, "tokens read again");
        } catch (error) {
          logger.error({ err: error, path }, "the tokens have changed, and can't be read");
        }
      }
      const record = findToken(records, token, clock.now());
      if (record === undefined) return undefined;
      const { name, role, namePrefix } = record;
      return { name, role, namePrefix };
    },
  };
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}
