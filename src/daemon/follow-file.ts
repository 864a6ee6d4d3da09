// Follows files while the daemon runs. A file is checked at each use, and read again if it has
// changed. SIGHUP also makes the daemon read it again.
import { statSync } from "node:fs";
import type { Logger } from "../base/logger.js";
import type { ReloadStep } from "./reload.js";
import { warnIfUntrusted } from "./trusted-files.js";

/** Time between two attempts to read an unusable file. */
const retryMs = 1000;

interface FollowOptions<T> {
  readonly read: (path: string) => T;
  /** A description of the file's content, for the log. */
  readonly what: string;
  /** The content if the caller has just read it. Default: the file is read now. */
  readonly first?: T;
}

export interface Followed<T> extends ReloadStep {
  /** Returns the current content of the file. */
  current(): T;
}

/**
 * Returns access to the parsed content of a file. Each use checks the file, so that a revoked
 * credential is refused at once. While a file is unusable, its previous content stays valid and
 * reading is retried.
 */
export function followFile<T>(
  path: string,
  { read, what, first }: FollowOptions<T>,
  logger: Logger,
): Followed<T> {
  // The version must be read before the content, so that no change falls in between.
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
        // The failure may be the machine's fault. The file may then be intact and never change
        // again, so the read is retried.
        failed = { version: found, retryAtMs: performance.now() + retryMs };
        logger.error(
          { err: error, path },
          "the file has changed and cannot be used: the old one stays",
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
