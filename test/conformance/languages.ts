// How the runner of each language is built; everything goes to build/conformance.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const checkout = fileURLToPath(new URL("../../..", import.meta.url));

export interface Language {
  readonly name: string;
  /** Programs that must be there. */
  readonly tools: readonly string[];
  /** Builds the runner and the example; the command of the runner. Throws with what the tool said. */
  build(): readonly string[];
  /** The command of the example. */
  readonly example: readonly string[];
}

const buildLimitMs = 15 * 60_000;
const built = (name: string): string => join(checkout, "build", "conformance", name);
const source = (name: string): string => join(checkout, "test", "conformance", name);
const exampleOf = (name: string): string => join(checkout, "examples", name);
const gen = (name: string): string => join(checkout, "gen", name);

const typescript: Language = {
  name: "typescript",
  tools: [],
  build: () => [process.execPath, fileURLToPath(new URL("typescript/runner.js", import.meta.url))],
  example: [process.execPath, join(checkout, "dist/examples/typescript/save-and-restore.js")],
};

const go: Language = {
  name: "go",
  tools: ["go"],
  build() {
    run("go", ["build", "-o", join(built("go"), "runner"), "."], source("go"));
    run("go", ["build", "-o", join(built("go"), "example"), "."], exampleOf("go"));
    return [join(built("go"), "runner")];
  },
  example: [join(built("go"), "example")],
};

const venvPython = join(built("python"), "bin", "python");

const python: Language = {
  name: "python",
  tools: ["python3"],
  build() {
    makeEnvironment(built("python"), join(source("python"), "requirements.txt"));
    return [venvPython, join(source("python"), "runner.py")];
  },
  example: [venvPython, join(exampleOf("python"), "save_and_restore.py")],
};

const classPath = [join(built("java"), "classes"), join(built("java"), "libraries", "*")].join(":");

const java: Language = {
  name: "java",
  tools: ["java", "mvn"],
  build() {
    run("mvn", ["-q", "-B", "-DskipTests", "install"], gen("java"));
    run("mvn", ["-q", "-B", "package"], source("java"));
    run("mvn", ["-q", "-B", "package"], exampleOf("java"));
    return [
      "java",
      "-Xmx96m",
      "-XX:MaxDirectMemorySize=96m",
      "-cp",
      classPath,
      "stasis.conformance.Runner",
    ];
  },
  example: [
    ...["java", "-cp"],
    [join(built("java-example"), "classes"), join(built("java-example"), "libraries", "*")].join(
      ":",
    ),
    "SaveAndRestore",
  ],
};

const rust: Language = {
  name: "rust",
  tools: ["cargo"],
  build() {
    // One folder for both, so that what they have in common is compiled once.
    const args = ["build", "-q", "--locked", "--target-dir", built("rust")];
    run("cargo", args, source("rust"));
    run("cargo", args, exampleOf("rust"));
    return [join(built("rust"), "debug", "stasis-conformance")];
  },
  example: [join(built("rust"), "debug", "save-and-restore")],
};

export const languages: readonly Language[] = [typescript, go, python, java, rust];

/** The first tool that this machine lacks. */
export function missingTool({ tools }: Language): string | undefined {
  return tools.find((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
}

/** A virtual environment with the client of gen/python, made anew when that or the list changes. */
function makeEnvironment(folder: string, requirements: string): void {
  const hash = createHash("sha256");
  for (const file of [requirements, join(gen("python"), "pyproject.toml"), gen("clients.sha256")]) {
    hash.update(readFileSync(file));
  }
  const state = hash.digest("hex");
  const mark = join(folder, "complete");
  if (existsSync(mark) && readFileSync(mark, "utf8") === state) return;
  rmSync(folder, { recursive: true, force: true });
  run("python3", ["-m", "venv", folder]);
  run(venvPython, ["-m", "pip", "install", "-q", gen("python"), "-r", requirements]);
  writeFileSync(mark, state);
}

function run(command: string, args: readonly string[], cwd = checkout): void {
  mkdirSync(built(""), { recursive: true });
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: buildLimitMs,
  });
  if (error !== undefined) throw error;
  if (status === 0) return;
  const said = `${stdout}${stderr}`.trim().split("\n").slice(-40).join("\n  ");
  throw new Error(`${command} ${args.join(" ")} in ${cwd} ended with status ${status}:\n  ${said}`);
}
