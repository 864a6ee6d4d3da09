// Files that a daemon follows while it runs: looked at with each use, and read again on SIGHUP.
import { statSync } from "node:fs";
import type { Logger } from "../base/logger.js";
import type { ReloadStep } from "./reload.js";
import { warnIfUntrusted } from "./trusted-files.js";

/** Between two tries to read a file that could not be used. */
const retryMs = 1000;

export interface FollowOptions<T> {
  readonly read: (path: string) => T;
  /** For the log: what is in the file. */
  readonly what: string;
  /** What the file held a moment ago. Default: it is read. */
  readonly first?: T;
}

export interface Followed<T> extends ReloadStep {
  /** As the file is at this moment. */
  current(): T;
}

/**
 * What `read` makes of a file. The file is looked at each time, so that what is revoked is refused
 * at once. One that has become unusable counts for what it held before, and is tried again.
 */
export function followFile<T>(
  path: string,
  { read, what, first }: FollowOptions<T>,
  logger: Logger,
): Followed<T> {
  // Before what it is the version of, so that no change falls in between.
  let version = versionOf(path);
  let current = first ?? read(path);
  let failed: { readonly version: string; readonly retryAtMs: number } | undefined;
  const readAgain = (found: string): void => {
    current = read(path);
    version = found;
    failed = undefined;
  };
  return {
    what: `${what} (${path})`,
    reload: () => readAgain(versionOf(path)),
    current() {
      const found = versionOf(path);
      if (found === version) return current;
      if (found === failed?.version && performance.now() < failed.retryAtMs) return current;
      try {
        readAgain(found);
        logger.info({ path }, `${what} read again`);
        warnIfUntrusted({ option: what, path }, logger);
      } catch (error) {
        // It may be the machine's fault, and the file as good as it is: it will not change again.
        failed = { version: found, retryAtMs: performance.now() + retryMs };
        logger.error(
          { err: error, path },
          "the file has changed and can't be used: the old one stays",
        );
      }
      return current;
    },
  };
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}
