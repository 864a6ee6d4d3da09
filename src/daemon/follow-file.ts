// Files that a daemon follows while it runs: looked at with each use.
import { statSync } from "node:fs";
import type { Logger } from "../base/logger.js";

/** Between two tries to read a file that could not be used. */
const retryMs = 1000;

/**
 * What `read` makes of a file. The file is looked at each time, so that what is revoked is refused
 * at once. One that has become unusable counts for what it held before, and is tried again.
 */
export function followFile<T>(
  path: string,
  {
    read,
    what,
    first,
  }: { readonly read: (path: string) => T; readonly what: string; readonly first?: T },
  logger: Logger,
): () => T {
  // Before what it is the version of, so that no change falls in between.
  let version = versionOf(path);
  let current = first ?? read(path);
  let failed: { readonly version: string; readonly retryAtMs: number } | undefined;
  return () => {
    const found = versionOf(path);
    if (found === version) return current;
    if (found === failed?.version && performance.now() < failed.retryAtMs) return current;
    try {
      current = read(path);
      version = found;
      logger.info({ path }, `${what} read again`);
    } catch (error) {
      // It may be the machine's fault, and the file as good as it is: it will not change again.
      failed = { version: found, retryAtMs: performance.now() + retryMs };
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
