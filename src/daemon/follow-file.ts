// Files that a daemon follows while it runs: looked at with each use.
import { statSync } from "node:fs";
import type { Logger } from "../base/logger.js";

/**
 * What `read` makes of a file. The file is looked at each time, so that what is revoked is refused
 * at once. One that has become unreadable counts for what it held before.
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
  return () => {
    const found = versionOf(path);
    if (found === version) return current;
    version = found;
    try {
      current = read(path);
      logger.info({ path }, `${what} read again`);
    } catch (error) {
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
