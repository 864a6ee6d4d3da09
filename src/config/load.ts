// Assembles the daemon's configuration. A flag takes precedence over the environment, the
// environment over the file, and the file over the default.
import { readFileSync } from "node:fs";
import { parse as parseToml } from "smol-toml";
import { StoreError, describeValue, fieldInvalid, messageOf } from "../base/errors.js";
import { denialHint, errnoMetadata } from "../base/owner.js";
import { maxSocketPathBytes } from "../base/host-port.js";
import { checkDaemonConfig } from "./check.js";
import { daemonOptions, type DaemonConfig, type DaemonOptionName } from "./daemon-options.js";
import { identitiesKey, parseIdentities } from "./identities.js";
import type { AdminAddress, Option, RawValue } from "./option.js";
import { parsePeers, peersKey } from "./peers.js";
import { parseRemotes, remotesKey } from "./remotes.js";
import { removedOptionError, removedOptions } from "./removed-options.js";
import {
  adminSocketBeside,
  defaultRoot,
  defaultSocket,
  nonEmpty,
  type Environment,
} from "../base/default-paths.js";

export type ConfigOrigin = "flag" | "environment" | "file" | "default";

export interface LoadedConfig {
  readonly config: DaemonConfig;
  /** The origin of each value. */
  readonly origins: Readonly<Record<DaemonOptionName, ConfigOrigin>>;
  /** The path of the configuration file that was read. Undefined if no file was given. */
  readonly file: string | undefined;
}

export interface ConfigSources {
  /** Values of flags by flag name without dashes, for example `drain-grace`. */
  readonly flags?: Readonly<Record<string, RawValue | undefined>>;
  readonly env?: Environment;
  /** The path of a TOML file. Default: STASIS_CONFIG. */
  readonly configFile?: string;
}

/** The environment variable that names the configuration file. */
export const configFileEnv = "STASIS_CONFIG";

/**
 * Loads the configuration. Throws FIELD_INVALID, which names the key, its origin, the accepted
 * values and the actual value.
 */
export function loadDaemonConfig(sources: ConfigSources = {}): LoadedConfig {
  const env = sources.env ?? {};
  const file = sources.configFile ?? nonEmpty(env[configFileEnv]);
  const { values: fileValues, ...tables } =
    file === undefined
      ? { identities: [], peers: [], remotes: [], values: {} }
      : readConfigFile(file);
  refuseRemoved(sources.flags ?? {}, env);
  const values: Record<string, unknown> = {};
  const origins: Record<string, ConfigOrigin> = {};
  for (const [name, option] of namedOptions) {
    const found = lookUp(option, sources.flags ?? {}, env, fileValues, file);
    values[name] =
      found === undefined
        ? defaultValue(name, option, values, env)
        : parseValue(option, found.raw, found.where);
    origins[name] = found?.origin ?? "default";
  }
  const config = { ...values, ...tables, configFile: file } as unknown as DaemonConfig;
  checkDaemonConfig(config);
  return { config, origins: origins as Record<DaemonOptionName, ConfigOrigin>, file };
}

function refuseRemoved(
  flags: Readonly<Record<string, RawValue | undefined>>,
  env: Environment,
): void {
  for (const removed of removedOptions) {
    if (flags[removed.flag] !== undefined) {
      throw removedOptionError(removed, `flag --${removed.flag}`);
    }
    if (nonEmpty(env[removed.env]) !== undefined) {
      throw removedOptionError(removed, `environment ${removed.env}`);
    }
  }
}

/**
 * Returns the tables of the file for a running daemon. Throws FIELD_INVALID if the file is invalid.
 */
export function reloadTables(configFile: string): ConfigTables {
  return readConfigFile(configFile);
}

/** Returns the options as the file contains them. Throws FIELD_INVALID if the file is invalid. */
export function readFileValues(configFile: string): Readonly<Record<string, RawValue>> {
  return readConfigFile(configFile).values;
}

const namedOptions = Object.entries(daemonOptions) as [DaemonOptionName, Option<unknown>][];

interface FoundValue {
  readonly raw: RawValue;
  readonly origin: ConfigOrigin;
  /** Describes the place of a value in error messages. */
  readonly where: string;
}

function lookUp(
  option: Option<unknown>,
  flags: Readonly<Record<string, RawValue | undefined>>,
  env: Environment,
  fileValues: Readonly<Record<string, RawValue>>,
  file: string | undefined,
): FoundValue | undefined {
  const flag = flags[option.flag];
  if (flag !== undefined) return { raw: flag, origin: "flag", where: `flag --${option.flag}` };
  const variable = nonEmpty(env[option.env]);
  if (variable !== undefined) {
    return { raw: variable, origin: "environment", where: `environment ${option.env}` };
  }
  const entry = fileValues[option.key];
  if (entry !== undefined) return { raw: entry, origin: "file", where: `file ${file ?? ""}` };
  return undefined;
}

/**
 * Returns the default address of the admin listener. Undefined if the kernel would refuse the path:
 * nobody has requested this listener, so its path must not prevent the start.
 */
function defaultAdmin(socket: unknown): AdminAddress | undefined {
  if (typeof socket !== "string") return undefined;
  const path = adminSocketBeside(socket);
  return Buffer.byteLength(path) > maxSocketPathBytes ? undefined : { kind: "unix", path };
}

/**
 * Returns the default of an option. The options `root`, `socket` and `admin_listen` are loaded in
 * this order, so the values that a default depends on are known here.
 */
function defaultValue(
  name: DaemonOptionName,
  option: Option<unknown>,
  values: Readonly<Record<string, unknown>>,
  env: Environment,
): unknown {
  if (name === "root") return defaultRoot(env);
  if (name === "socket") return defaultSocket(String(values["root"]));
  if (name === "adminListen") return defaultAdmin(values["socket"]);
  if (name === "allowedDirectories") return undefined;
  return parseValue(option, option.defaultText, "default");
}

function parseValue(option: Option<unknown>, raw: RawValue, where: string): unknown {
  const result = option.schema.safeParse(raw);
  if (result.success) return result.data;
  throw fieldInvalid(option.key, option.accepts, raw, `It was set by the ${where}`);
}

/** The parts that only the file can contain. */
export type ConfigTables = Pick<DaemonConfig, "identities" | "peers" | "remotes">;

interface FileContents extends ConfigTables {
  readonly values: Readonly<Record<string, RawValue>>;
}

function readConfigFile(path: string): FileContents {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new StoreError(
      "FIELD_INVALID",
      `configuration file ${path} cannot be read: ${messageOf(error)}`,
      {
        hint: denialHint(error, path, "read") ?? `Check --config and ${configFileEnv}`,
        metadata: errnoMetadata(error),
        cause: error,
      },
    );
  }
  const keys = new Set(namedOptions.map(([, option]) => option.key));
  const values: Record<string, RawValue> = {};
  const parsed = parseFile(path, text);
  const {
    [identitiesKey]: known = [],
    [peersKey]: others = [],
    [remotesKey]: buckets = [],
    ...entries
  } = parsed;
  const identities = parseIdentities(known, path);
  const peers = parsePeers(others, path);
  const remotes = parseRemotes(buckets, peers, path);
  for (const [key, value] of Object.entries(entries)) {
    const removed = removedOptions.find((option) => option.key === key);
    if (removed !== undefined) throw removedOptionError(removed, `file ${path}`);
    if (!keys.has(key)) {
      throw fieldInvalid(key, `one of ${[...keys].join(", ")}`, key, `It is in the file ${path}`);
    }
    if (!isRawValue(value)) {
      const expected = "a string, number, boolean or array of strings";
      throw fieldInvalid(key, expected, typeName(value), `File ${path}`);
    }
    values[key] = value;
  }
  return { identities, peers, remotes, values };
}

function parseFile(path: string, text: string): Record<string, unknown> {
  try {
    return parseToml(text);
  } catch (error) {
    throw new StoreError("FIELD_INVALID", `${path} is not valid TOML: ${messageOf(error)}`, {
      hint: `A line looks like ${describeLine()}`,
      cause: error,
    });
  }
}

function describeLine(): string {
  return `${daemonOptions.drainGraceMs.key} = ${describeValue(daemonOptions.drainGraceMs.defaultText)}`;
}

function isRawValue(value: unknown): value is RawValue {
  if (Array.isArray(value)) return value.every((entry) => typeof entry === "string");
  return ["string", "number", "boolean"].includes(typeof value);
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "a table" : typeof value;
}
