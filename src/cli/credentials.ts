// Reads the client's TLS and token settings from global options and the environment.
import { readFileSync } from "node:fs";
import type { Environment } from "../base/default-paths.js";
import type { ConnectOptions, TlsOptions } from "../client/index.js";
import { fileError } from "./exit-codes.js";

export interface CredentialOptions {
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tokenFile?: string;
}

/**
 * Reads the settings. Throws if a file cannot be read. An option takes precedence over its
 * variable, and an empty variable counts as not set.
 */
export function readCredentials(
  options: CredentialOptions,
  env: Environment,
): Pick<ConnectOptions, "tls"> & { readonly token?: string } {
  const path = (given: string | undefined, variable: string): string | undefined =>
    given ?? (env[variable] === "" ? undefined : env[variable]);
  const ca = readIf(path(options.tlsCa, "STASIS_TLS_CA"));
  const cert = readIf(path(options.tlsCert, "STASIS_TLS_CERT"));
  const key = readIf(path(options.tlsKey, "STASIS_TLS_KEY"));
  const token = readIf(path(options.tokenFile, "STASIS_TOKEN_FILE"));
  const files: TlsOptions = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const wanted = options.tls === true || ["1", "true"].includes(env["STASIS_TLS"] ?? "");
  return {
    ...(wanted || Object.keys(files).length > 0 ? { tls: files } : {}),
    ...(token === undefined ? {} : { token: token.trim() }),
  };
}

function readIf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fileError(error, `cannot read ${path}`, "read");
  }
}
