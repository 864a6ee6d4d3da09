// Builds an earlier commit from the history of this repository, if there is one.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Returns why that commit cannot be built here, or false. Builds that support only better-sqlite3
 * 12 abort on Node 24.
 */
export function cannotBuild(
  commit: string,
  runsOn: "Node below 24" | "any Node" = "Node below 24",
): string | false {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major >= 24 && runsOn !== "any Node") return "builds from then do not run on Node 24";
  if (!existsSync(join(repository, ".git"))) return "no history here";
  const { status } = spawnSync("git", ["-C", repository, "cat-file", "-e", `${commit}^{commit}`]);
  return status === 0 ? false : `no commit ${commit} in the history that is here`;
}

/**
 * Compiles the commit into the directory, without checking types, and returns the path of its
 * program.
 */
export async function buildCommit(commit: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const parts = ["package.json", "tsconfig.json", "src", "gen/ts", "gen/stasis.binpb"];
  const archive = `git -C "$1" archive "$2" ${parts.join(" ")} | tar -x -C "$3"`;
  succeed("sh", ["-c", archive, "sh", repository, commit, directory]);
  await symlink(join(repository, "node_modules"), join(directory, "node_modules"));
  const project = join(directory, "tsconfig.build.json");
  const config = {
    extends: "./tsconfig.json",
    compilerOptions: { incremental: false, declaration: false, sourceMap: false, noCheck: true },
    include: ["src", "gen/ts"],
  };
  await writeFile(project, JSON.stringify(config));
  const compiler = join(repository, "node_modules/typescript/bin/tsc");
  succeed(process.execPath, [compiler, "-p", project]);
  // Some builds read this file at run time.
  await cp(join(directory, "gen/stasis.binpb"), join(directory, "dist/gen/stasis.binpb"));
  return join(directory, "dist/src/main.js");
}

function succeed(program: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`${program} ended with status ${status}: ${stdout}${stderr}`);
}
