// Fetches and builds the generator plugins for the clients of other languages. scripts/plugins/
// pins each of them. They come from their language's own registry, once for all checkouts.
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { capture, root } from "./run-tool.mjs";

export const pinsFolder = join(root, "scripts", "plugins");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "stasis-plugins");
/** The limit is far above the slowest first build, that of the Rust generator. */
const limitMs = 15 * 60_000;

/** Returns the paths of all plugins. Throws with the name of the first missing tool. */
export function clientPlugins() {
  return { ...goPlugins(), ...mavenPlugins(), python: pythonPlugin(), rust: rustPlugin() };
}

/** Runs a tool that must succeed. Its output is part of the error. */
export function mustRun(command, args, options = {}) {
  const { status, stdout, stderr } = capture(command, args, { timeout: limitMs, ...options });
  if (status === 0) return;
  const said = `${stdout}${stderr}`.trim().split("\n").slice(-20).join("\n  ");
  throw new Error(`${command} ${args[0] ?? ""} ended with status ${status}:\n  ${said}`);
}

function goPlugins() {
  return made(
    "go",
    ["go.mod", "go.sum"],
    (folder) => {
      const packages = [
        "google.golang.org/protobuf/cmd/protoc-gen-go",
        "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
      ];
      mustRun("go", ["build", "-o", `${folder}/`, ...packages], { cwd: pinsFolder });
    },
    (folder) => ({
      go: join(folder, "protoc-gen-go"),
      goGrpc: join(folder, "protoc-gen-go-grpc"),
    }),
  );
}

function mavenPlugins() {
  const pins = JSON.parse(readFileSync(join(pinsFolder, "maven.json"), "utf8"));
  return made(
    "maven",
    ["maven.json"],
    (folder) => {
      for (const [name, artifact] of Object.entries(pins)) {
        const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
        mustRun("mvn", ["-q", "-B", goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]);
        const [, id, version, , classifier] = artifact.split(":");
        copyFileSync(join(folder, `${id}-${version}-${classifier}.exe`), join(folder, name));
        chmodSync(join(folder, name), 0o755);
      }
    },
    (folder) => ({
      protoc: join(folder, "protoc"),
      javaGrpc: join(folder, "protoc-gen-grpc-java"),
    }),
  );
}

/**
 * Returns the interpreter with grpc_tools. Calling it by its path works even after its environment
 * was moved.
 */
function pythonPlugin() {
  return made(
    "python-tools",
    ["requirements.txt"],
    (folder) => {
      mustRun("python3", ["-m", "venv", folder]);
      const requirements = join(pinsFolder, "requirements.txt");
      const pip = ["-m", "pip", "install", "-q", "-r", requirements];
      mustRun(join(folder, "bin", "python"), pip);
    },
    (folder) => join(folder, "bin", "python"),
  );
}

function rustPlugin() {
  return made(
    "rust",
    ["rust/Cargo.toml", "rust/Cargo.lock", "rust/src/main.rs"],
    (folder) => {
      const target = join(cache, "rust-target");
      const manifest = join(pinsFolder, "rust", "Cargo.toml");
      // The plugin runs for less than a second, so an optimized build, which takes minutes, is not
      // worth it.
      mustRun("cargo", ["build", "-q", "--locked", "--manifest-path", manifest], {
        env: { ...process.env, CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: "0" },
      });
      const name = "stasis-generate-rust";
      copyFileSync(join(target, "debug", name), join(folder, name));
    },
    (folder) => join(folder, "stasis-generate-rust"),
  );
}

/**
 * Returns `result` of the cache's folder for these pins. If there is no such folder, `fill` fills a
 * new one, which gets its final name when it is complete.
 */
function made(name, pins, fill, result) {
  const folder = join(cache, `${name}-${digestOf(pins)}`);
  if (!existsSync(folder)) {
    const partial = `${folder}.${process.pid}`;
    mkdirSync(partial, { recursive: true });
    try {
      fill(partial);
      if (!existsSync(folder)) renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  if (readdirSync(folder).length === 0) throw new Error(`${folder} is empty: remove it`);
  return result(folder);
}

function digestOf(pins) {
  const hash = createHash("sha256");
  for (const pin of pins) hash.update(readFileSync(join(pinsFolder, pin)));
  return hash.digest("hex").slice(0, 16);
}
