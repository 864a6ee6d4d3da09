// Identifies the running build: its version, and the commit that scripts/build.mjs recorded.
import { readFileSync } from "node:fs";

export interface BuildInfo {
  readonly version: string;
  /**
   * The commit, or `unknown` for a build outside of a git checkout. It ends with `-dirty` if files
   * had changed.
   */
  readonly commit: string;
}

export function buildInfo(): BuildInfo {
  // The built file is in dist/src/base/, three folders below the package.
  const { version } = readJson("../../../package.json") as { version: string };
  return { version, commit: readCommit() };
}

/** Returns a text such as `0.1.0 (commit 0608b27d3b1c)`. */
export function describeBuild({ version, commit }: BuildInfo): string {
  return `${version} (commit ${commit})`;
}

function readCommit(): string {
  try {
    const { commit } = readJson("../build.json") as { commit: string };
    return commit;
  } catch {
    return "unknown";
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
}
