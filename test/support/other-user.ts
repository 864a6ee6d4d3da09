// Helps tests to act as another user of the machine. This user is not root, and does not run the
// daemon.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { mainPath } from "../unit/cli/run-stasis.js";

/** The id of the user and of the group that Debian calls nobody and nogroup. */
export const nobody = 65_534;

/**
 * Returns why a test cannot run the program as `nobody`, or false, for the option `skip` of a test.
 */
export function cannotActAsNobody(): string | false {
  if (process.getuid?.() !== 0) return "skipped: only root can act for another user";
  for (const program of [mainPath, process.execPath]) {
    for (let path = program; path !== "/"; path = dirname(path)) {
      const wanted = path === program ? 0o004 : 0o001;
      if ((statSync(path).mode & wanted) === 0) return `skipped: other users cannot read ${path}`;
    }
  }
  return false;
}
