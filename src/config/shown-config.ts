// Returns the configuration in the form in which it may leave the node, for example in a support
// bundle: the keys of the file with values in the syntax of the file. Credentials are in separate
// files, which are only named. The URL of the trace collector is an exception, because it may
// contain credentials, so only its origin is shown.
import { jsonWithoutSecrets } from "../base/hide-secrets.js";
import { daemonOptions, type DaemonConfig, type DaemonOptionName } from "./daemon-options.js";
import type { identitiesKey } from "./identities.js";
import type { Option, RawValue } from "./option.js";
import type { peersKey } from "./peers.js";
import type { remotesKey } from "./remotes.js";

export interface ShownConfig {
  /** The path of the configuration file that was read. Null if there is no file. */
  readonly configFile: string | null;
  /** Every option with its effective value, by its key in the file. */
  readonly options: Readonly<Record<string, RawValue>>;
  readonly [identitiesKey]: readonly object[];
  readonly [peersKey]: readonly object[];
  readonly [remotesKey]: readonly object[];
}

/** Returns the configuration without credentials. The paths of files with credentials are shown. */
export function shownConfig(config: DaemonConfig): ShownConfig {
  const entries = Object.entries(daemonOptions) as [DaemonOptionName, Option<unknown>][];
  const options = entries.map(([name, option]) => [option.key, valueOf(config, name, option)]);
  const { configFile = null, identities, peers, remotes } = config;
  const tables = { identities, peers, remotes };
  const shown = { configFile, options: Object.fromEntries(options) as object, ...tables };
  return jsonWithoutSecrets(shown) as ShownConfig;
}

function valueOf(config: DaemonConfig, name: DaemonOptionName, option: Option<unknown>): RawValue {
  const value = config[name];
  if (name === "otlpEndpoint") return originOf(config[name]);
  if (name === "allowedDirectories" && value === undefined) return option.defaultText;
  return option.show(value);
}

/** Returns the origin of a URL. Trace collectors may accept a key in any other part of the URL. */
function originOf(text: string): string {
  if (text === "") return "";
  if (!URL.canParse(text)) return "<not a URL>";
  const { protocol, host, pathname, search, username } = new URL(text);
  const more = pathname !== "/" || search !== "" || username !== "";
  return `${protocol}//${host}${more ? "/<hidden>" : ""}`;
}
