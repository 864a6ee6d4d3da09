// Builds the daemon's access control from its configuration: the identities of certificates, the
// token file, the role of callers on the socket, and TCP without credentials.
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { reloadTables } from "../config/load.js";
import { findToken, readTokenFile, type TokenRecord } from "../config/token-file.js";
import { createAccess, type Access, type TokenSource } from "../transport/auth/access.js";
import { followFile, type Followed } from "./follow-file.js";
import type { ReloadStep } from "./reload.js";

interface OpenAccess {
  readonly access: Access;
  readonly steps: readonly ReloadStep[];
}

/** Opens the access control. Throws FIELD_INVALID if the token file cannot be used. */
export function openAccess(config: DaemonConfig, clock: Clock, logger: Logger): OpenAccess {
  const { configFile, identities, tokens } = config;
  // The daemon follows the file, because revoking an identity must not require a restart.
  const known = configFile === undefined ? undefined : followIdentities(config, configFile, logger);
  // A deleted token file counts as a file without tokens.
  const records =
    tokens === undefined
      ? undefined
      : followFile(tokens, { read: readTokenFile, what: "tokens" }, logger);
  const access = createAccess({
    clock,
    identities: () => known?.current() ?? identities,
    ...(records === undefined ? {} : { tokens: tokenSource(records.current, clock) }),
    socket: { name: "unix", role: config.socketRole, namePrefix: "", shared: true },
    ...(config.unauthenticatedTcp === "none"
      ? {}
      : { anonymous: { name: "anonymous", role: "operator", namePrefix: "" } }),
  });
  return { access, steps: [known, records].filter((step) => step !== undefined) };
}

function followIdentities(
  { identities }: DaemonConfig,
  configFile: string,
  logger: Logger,
): Followed<DaemonConfig["identities"]> {
  const read = (path: string) => reloadTables(path).identities;
  return followFile(configFile, { first: identities, read, what: "[[identities]]" }, logger);
}

function tokenSource(records: () => readonly TokenRecord[], clock: Clock): TokenSource {
  return {
    identify(token) {
      const record = findToken(records(), token, clock.now());
      if (record === undefined) return undefined;
      const { name, role, namePrefix } = record;
      return { name, role, namePrefix };
    },
  };
}
