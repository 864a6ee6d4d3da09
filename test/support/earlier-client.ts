// Builds the Go runner of the conformance suite with the generated client of an earlier commit, or
// of the working tree (`here`).
import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Case } from "../conformance/compile.js";
import { run } from "./child.js";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const sources = ["gen/go", "test/conformance/go"];

/** Builds the runner in a directory, which may be missing, and returns the runner's path. */
export async function buildGoRunner(commit: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const from = commit === "here" ? repository : directory;
  if (commit !== "here") {
    const archive = `git -C "$1" archive "$2" ${sources.join(" ")} | tar -x -C "$3"`;
    succeed("sh", ["-c", archive, "sh", repository, commit, directory], repository);
  }
  const program = join(directory, "runner");
  succeed("go", ["build", "-o", program, "."], join(from, "test/conformance/go"));
  return program;
}

/** Returns the content of a file of this repository at a commit. */
export async function fileAt(commit: string, path: string): Promise<string> {
  if (commit === "here") return readFile(join(repository, path), "utf8");
  return succeed("git", ["-C", repository, "show", `${commit}:${path}`], repository);
}

interface Job {
  readonly targets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

/** Runs the cases. Returns one line for each failed case. Throws unless all cases were run. */
export async function runCases(runner: string, directory: string, job: Job): Promise<string[]> {
  const file = join(directory, "job.json");
  await writeFile(file, JSON.stringify({ ...job, command: [runner] }));
  await using child = run(runner, [file]);
  await child.exited;
  const lines = child
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  if (lines.length !== job.cases.length) throw new Error(`not all cases ran: ${child.output()}`);
  return lines.flatMap((line) => {
    const { case: name, problem } = JSON.parse(line) as { case: string; problem: string };
    return problem === "" ? [] : [`${name}: ${problem}`];
  });
}

export function withoutGo(): string | false {
  return spawnSync("go", ["version"]).status === 0 ? false : "no Go here";
}

function succeed(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    ...{ cwd, encoding: "utf8", maxBuffer: 2 ** 26 },
  });
  if (status === 0) return stdout;
  throw new Error(`${program} ended with status ${status}: ${stdout}${stderr}`);
}
