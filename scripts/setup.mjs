// `npm run setup`: builds the native packages that this Node cannot load yet, and only those.
// Install scripts are off in .npmrc, so native code is built only here.
import {
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import zlib from "node:zlib";
import { chooseHeaders } from "./node-headers.mjs";
import { capture, fail, root, runGroup, toolEnvironment } from "./run-tool.mjs";

const minimumNode = [20, 19];
/** The slowest known build took two minutes on one core. The rest is for a slow download. */
const buildLimitMs = 20 * 60_000;
const shownLogLines = 60;

/**
 * better-sqlite3 13 needs this version and contains its binaries. src/catalog/sqlite.ts has the
 * same number.
 */
const hasNodeApi10 = Number(process.versions.napi) >= 10;

const probeOfSqlite = (name) => `const Database = require("${name}");
  const row = new Database(":memory:").prepare("SELECT sqlite_version() AS version").get();
  if (typeof row.version !== "string") throw new Error("no SQLite version");`;

// A probe runs in its own process, because a binary for another Node can crash it.
const nativePackages = [
  {
    name: "better-sqlite3",
    needed: !hasNodeApi10,
    probe: probeOfSqlite("better-sqlite3"),
    builds: [npmRebuild("better-sqlite3"), npmRebuild("better-sqlite3", { fromSource: true })],
  },
  {
    name: "better-sqlite3-13",
    needed: hasNodeApi10,
    probe: probeOfSqlite("better-sqlite3-13"),
    // The installation compiles nothing. This script of the package compiles the binary.
    builds: [{ args: ["run", "build-release"], inside: true, fromSource: true }],
  },
  {
    name: "zstd-napi",
    // Node contains zstd since 22.15 and 23.8.
    needed: typeof zlib.createZstdCompress !== "function",
    optional: "archives cannot be written or read with zstd",
    probe: `const zstd = require("zstd-napi");
      const packed = zstd.compress(Buffer.from("stasis"));
      if (zstd.decompress(packed).toString() !== "stasis") throw new Error("wrong round trip");`,
    builds: [npmRebuild("zstd-napi"), npmRebuild("zstd-napi", { fromSource: true })],
  },
];

/**
 * Returns one way to get a package's binary. A downloaded binary may not fit this host's C library.
 */
function npmRebuild(name, { fromSource = false } = {}) {
  return { args: ["rebuild", name, "--ignore-scripts=false"], inside: false, fromSource };
}

async function main() {
  checkNode();
  if (!existsSync(join(root, "node_modules"))) {
    fail("setup: node_modules is missing.", 'Run "npm ci" first.');
  }
  for (const native of nativePackages.filter((each) => each.needed)) {
    if (!isInstalled(native.name)) {
      giveUp(native, `setup: ${native.name} is not installed.`, 'Run "npm ci" again.');
    } else if (!loads(native).ok) {
      await build(native);
    }
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1])) return;
  fail(`setup: Node ${process.version} is too old.`, `Use Node ${minimumNode.join(".")} or newer.`);
}

function isInstalled(name) {
  return packageFolder(name) !== undefined;
}

/**
 * Looks for the package where Node would look from here. require.resolve would need a loadable main
 * file.
 */
function packageFolder(name) {
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return places.map((place) => join(place, name)).find((folder) => existsSync(folder));
}

function loads(native) {
  const args = ["--input-type=commonjs", "--eval", native.probe];
  const { status, stderr } = capture(process.execPath, args, { timeout: 30_000 });
  return { ok: status === 0, why: stderr };
}

async function build(native) {
  const scratch = mkdtempSync(join(tmpdir(), "stasis-setup-"));
  const log = join(scratch, "build.log");
  try {
    process.stdout.write(`setup: building ${native.name} for Node ${process.version}\n`);
    for (const [index, way] of native.builds.entries()) {
      const result = await runBuild(native.name, way, log);
      if (result.signal !== null && !result.timedOut) process.exit(130);
      const probe = loads(native);
      if (probe.ok) {
        process.stdout.write(`setup: ${native.name} is ready\n`);
        return;
      }
      const isLast = index === native.builds.length - 1;
      if (result.status === 0 && !isLast) continue;
      explain(native, { result, probe, log });
      return;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Explains a missing binary: the build failed, or this Node cannot load its result. */
function explain(native, { result, probe, log }) {
  if (result.timedOut) {
    giveUp(native, `setup: building ${native.name} took over ${buildLimitMs / 60_000} minutes.`);
  } else if (result.status === 0) {
    process.stderr.write(`${probe.why.trimEnd()}\n`);
    const message = `setup: ${native.name} was built, but Node ${process.version} cannot load it.`;
    giveUp(native, message, "The error is above.");
  } else {
    process.stderr.write(lastLines(log, shownLogLines));
    giveUp(native, `setup: ${native.name} could not be built.`, buildHint(log));
  }
}

async function runBuild(name, { args, inside, fromSource }, log) {
  const [command, ...before] = npmCommand();
  const output = openSync(log, "w");
  const folder = packageFolder(name);
  try {
    return await runGroup(command, [...before, ...args, ...nodedirFlag()], {
      // The package itself, or the folder whose node_modules contains it. That folder is not ours
      // if stasis itself is a dependency.
      cwd: inside ? folder : dirname(dirname(folder)),
      env: buildEnvironment(fromSource),
      stdio: ["ignore", output, output],
      limitMs: buildLimitMs,
    });
  } finally {
    closeSync(output);
  }
}

/**
 * Returns the npm that runs this script, if any, with this very Node, because the ABI must be the
 * same.
 */
function npmCommand() {
  const running = process.env.npm_execpath ?? "";
  return running.endsWith("npm-cli.js") ? [process.execPath, running] : ["npm"];
}

function buildEnvironment(fromSource) {
  const extra = { JOBS: process.env.JOBS ?? "max" };
  if (fromSource) extra.npm_config_build_from_source = "true";
  const env = toolEnvironment(extra);
  // node-gyp must find its own `node` first, whichever one PATH has.
  env.PATH = [dirname(process.execPath), env.PATH].join(delimiter);
  return env;
}

/** Returns npm's flag for node-gyp, after a note about a setting that does not fit. */
function nodedirFlag() {
  const setting = nodedirSetting();
  const own = dirname(dirname(realpathSync(process.execPath)));
  const { flag, from } = chooseHeaders(setting, own);
  if (setting !== undefined && flag.length > 0) {
    const what = `nodedir ${setting} does not hold the headers of Node ${process.version}`;
    process.stdout.write(`setup: ${what}, using ${from}\n`);
  }
  return flag;
}

function nodedirSetting() {
  const set = process.env.npm_config_nodedir;
  if (set) return set;
  const [command, ...before] = npmCommand();
  const value = capture(command, [...before, "config", "get", "nodedir"]).stdout.trim();
  return value === "" || value === "undefined" || value === "null" ? undefined : value;
}

function lastLines(file, count) {
  return `${readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n")}\n`;
}

function buildHint(log) {
  const missing = ["python3", "make", "g++"].filter((tool) => !inPath(tool));
  if (missing.length > 0) return `Missing here: ${missing.join(", ")}. Install them and try again.`;
  if (/install got an error/.test(readFileSync(log, "utf8"))) {
    return (
      `The headers of Node ${process.version} could not be downloaded. ` +
      "Set npm_config_nodedir to a folder that has them in include/node, and try again."
    );
  }
  return "The end of the build's output is above.";
}

function inPath(tool) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, tool)));
}

function giveUp(native, message, hint) {
  if (native.optional === undefined) fail(message, hint);
  process.stderr.write(`${message} Continuing without: ${native.optional}.\n`);
}

await main();
