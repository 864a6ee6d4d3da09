// SIGHUP: certificates, tokens and the tables of the configuration file are read again, all at once
// and whether or not they seem to have changed. Running calls and connections go on.
import { isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { readFileValues } from "../config/load.js";
import { warnOfUntrustedFiles } from "./trusted-files.js";

/** One thing that can be read again. */
export interface ReloadStep {
  /** For the log. */
  readonly what: string;
  /** Throws, and changes nothing, if what is there now cannot be used. */
  reload(): void;
}

export interface Reloaded {
  readonly done: readonly string[];
  /** What stays as it was, and why. */
  readonly failed: readonly { readonly what: string; readonly why: string }[];
  /** Keys of the configuration file that have other values than at the start: they need a restart. */
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
    for (const step of failed) logger.error(step, "can't be read again: the old one stays");
    if (needRestart.length > 0) {
      logger.warn({ options: needRestart }, "these options count from the next start");
    }
    logger.info({ done }, "read again");
    warnOfUntrustedFiles(config, logger);
    return { done, failed, needRestart };
  };
}

type Values = Readonly<Record<string, unknown>>;

/** Undefined when there is no file, or none that can be read: a step has told of that. */
function valuesOf({ configFile }: DaemonConfig): Values | undefined {
  if (configFile === undefined) return undefined;
  try {
    return readFileValues(configFile);
  } catch {
    return undefined;
  }
}

function changedKeys(before: Values | undefined, now: Values | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key])).sort();
}
