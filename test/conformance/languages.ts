// Builds the runner of each language in build/conformance.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const checkout = fileURLToPath(new URL("../../..", import.meta.url));

export interface Language {
  readonly name: string;
  /** Programs that must be installed. */
  readonly tools: readonly string[];
  /**
   * Builds the runner and the files that the example needs. Returns the command of the runner.
   * Throws an error with the tool's output.
   */
  build(): readonly string[];
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
};

const go: Language = {
  name: "go",
  tools: ["go"],
  build() {
    run("go", ["build", "-o", join(built("go"), "runner"), "."], source("go"));
    return [join(built("go"), "runner")];
  },
};

const venvPython = join(built("python"), "bin", "python");

const python: Language = {
  name: "python",
  tools: ["python3"],
  build() {
    makeEnvironment(built("python"), join(source("python"), "requirements.txt"));
    return [venvPython, join(source("python"), "runner.py")];
  },
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
};

const rust: Language = {
  name: "rust",
  tools: ["cargo"],
  build() {
    run("cargo", ["build", "-q", "--locked", "--target-dir", built("rust")], source("rust"));
    return [join(built("rust"), "debug", "stasis-conformance")];
  },
};

/** Returns the example's command line in examples/README.md, for a daemon at `address`. */
export function exampleLine(name: string, address: string, from: string, to: string): string {
  const text = readFileSync(join(checkout, "examples", "README.md"), "utf8");
  const [, section = ""] =
    new RegExp(`^## ${name}\n\n\`{3}\n([^]*?)^\`{3}$`, "im").exec(text) ?? [];
  const line = section.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("tar ")) throw new Error(`examples/README.md has no line for ${name}`);
  return line
    .replace("unix:/var/lib/stasis/stasis.sock", address)
    .replace("VENV", built("python"))
    .replace("DIR", from)
    .replace("RESTORED", to);
}

/** The Rust runner and example share one compilation of their dependencies. */
export const exampleEnvironment = { CARGO_TARGET_DIR: built("rust") };

export const languages: readonly Language[] = [typescript, go, python, java, rust];

/** Returns the first tool that is missing on this machine. */
export function missingTool({ tools }: Language): string | undefined {
  return tools.find((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
}

/**
 * Makes a virtual environment with the client of gen/python. Makes it again when the client or the
 * list of requirements has changed.
 */
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
