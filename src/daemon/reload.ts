// Handles SIGHUP: reads certificates, tokens and the tables of the configuration file again, all at
// once, whether or not they seem to have changed. Running calls and connections continue.
import { isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { readFileValues, reloadTables, type ConfigTables } from "../config/load.js";
import { warnOfUntrustedFiles } from "./trusted-files.js";

/** One part that can be reloaded. */
export interface ReloadStep {
  /** The name of the part, for the log. */
  readonly what: string;
  /** Reloads the part. Throws, and changes nothing, if the new content is unusable. */
  reload(): void;
}

export interface Reloaded {
  readonly done: readonly string[];
  /** The parts that could not be reloaded, each with the reason. */
  readonly failed: readonly { readonly what: string; readonly why: string }[];
  /**
   * Keys of the configuration file whose values differ from those at the start. They take effect
   * only after a restart.
   */
  readonly needRestart: readonly string[];
}

export function createReload(
  config: DaemonConfig,
  steps: readonly ReloadStep[],
  logger: Logger,
): () => Reloaded {
  const atStart = valuesOf(config);
  return () => {
    const done: string[] = [];
    const failed: { what: string; why: string }[] = [];
    for (const { what, reload } of steps) {
      try {
        reload();
        done.push(what);
      } catch (error) {
        failed.push({ what, why: isStoreError(error) ? error.text : String(error) });
      }
    }
    const needRestart = changedKeys(atStart, valuesOf(config));
    for (const step of failed) logger.error(step, "cannot be read again: the old one stays");
    if (needRestart.length > 0) {
      logger.warn({ options: needRestart }, "these options take effect at the next start");
    }
    logger.info({ done }, "read again");
    warnOfUntrustedFiles({ ...config, ...tablesOf(config) }, logger);
    return { done, failed, needRestart };
  };
}

type Values = Readonly<Record<string, unknown>>;

/**
 * Returns the values of the configuration file. Undefined if there is no file, or if it is
 * unreadable, which a step has reported.
 */
function valuesOf({ configFile }: DaemonConfig): Values | undefined {
  if (configFile === undefined) return undefined;
  try {
    return readFileValues(configFile);
  } catch {
    return undefined;
  }
}

/**
 * Returns the current tables of the configuration file, which may name other files than at the
 * start. Empty if the file is unusable.
 */
function tablesOf({ configFile }: DaemonConfig): Partial<ConfigTables> {
  if (configFile === undefined) return {};
  try {
    const { identities, peers, remotes } = reloadTables(configFile);
    return { identities, peers, remotes };
  } catch {
    return {};
  }
}

function changedKeys(before: Values | undefined, now: Values | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key])).sort();
}
