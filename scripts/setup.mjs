// `npm run setup`: builds the native packages that this Node cannot load yet, and only those.
// Install scripts are off in .npmrc, so this is the one place where native code gets built.
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
import { capture, fail, root, runGroup, toolEnvironment } from "./run-tool.mjs";

const minimumNode = [20, 19];
/** The slowest build seen took two minutes on one core; the rest is room for a slow download. */
const buildLimitMs = 20 * 60_000;
const shownLogLines = 60;

// A probe runs in a process of its own: a binary built for another Node can end it.
const nativePackages = [
  {
    name: "better-sqlite3",
    needed: true,
    probe: `const Database = require("better-sqlite3");
      const row = new Database(":memory:").prepare("SELECT sqlite_version() AS version").get();
      if (typeof row.version !== "string") throw new Error("no SQLite version");`,
  },
  {
    name: "zstd-napi",
    // Node has zstd itself since 22.15 and 23.8.
    needed: typeof zlib.createZstdCompress !== "function",
    optional: "archives cannot be written or read with zstd",
    probe: `const zstd = require("zstd-napi");
      const packed = zstd.compress(Buffer.from("stasis"));
      if (zstd.decompress(packed).toString() !== "stasis") throw new Error("wrong round trip");`,
  },
];

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

/** Looks where Node would look from here; require.resolve would need a loadable main file. */
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
    // A downloaded binary may fit the Node but not the C library of this host: then compile.
    for (const fromSource of [false, true]) {
      const result = await rebuild(native.name, log, fromSource);
      if (result.signal !== null && !result.timedOut) process.exit(130);
      const probe = loads(native);
      if (probe.ok) {
        process.stdout.write(`setup: ${native.name} is ready\n`);
        return;
      }
      if (result.timedOut) {
        giveUp(
          native,
          `setup: building ${native.name} took over ${buildLimitMs / 60_000} minutes.`,
        );
        return;
      }
      if (result.status === 0 && fromSource) process.stderr.write(probe.why);
      if (result.status !== 0) break;
    }
    process.stderr.write(lastLines(log, shownLogLines));
    giveUp(native, `setup: ${native.name} could not be built.`, buildHint());
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function rebuild(name, log, fromSource) {
  const [command, ...before] = npmCommand();
  const output = openSync(log, "w");
  try {
    return await runGroup(command, [...before, "rebuild", name, "--ignore-scripts=false"], {
      // The node_modules that holds the package: not ours when stasis itself is a dependency.
      cwd: dirname(dirname(packageFolder(name))),
      env: buildEnvironment(fromSource),
      stdio: ["ignore", output, output],
      limitMs: buildLimitMs,
    });
  } finally {
    closeSync(output);
  }
}

/** The npm that runs this script if there is one, with this very Node: the ABI must be the same. */
function npmCommand() {
  const running = process.env.npm_execpath ?? "";
  return running.endsWith("npm-cli.js") ? [process.execPath, running] : ["npm"];
}

function buildEnvironment(fromSource) {
  const extra = { JOBS: process.env.JOBS ?? "max" };
  if (fromSource) extra.npm_config_build_from_source = "true";
  const headers = headersToName();
  if (headers !== undefined) extra.npm_config_nodedir = headers;
  const env = toolEnvironment(extra);
  // node-gyp must meet its own `node`, whichever one PATH has first elsewhere.
  env.PATH = [dirname(process.execPath), env.PATH].join(delimiter);
  return env;
}

/**
 * The folder of Node's headers to hand to node-gyp, which would download them otherwise. A setting
 * of the user stays in force unless its headers are those of another Node.
 */
function headersToName() {
  const setting = nodedirSetting();
  if (setting !== undefined && fitsThisNode(setting)) return undefined;
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (fitsThisNode(prefix)) return prefix;
  return undefined;
}

function nodedirSetting() {
  const set = process.env.npm_config_nodedir;
  if (set) return set;
  const [command, ...before] = npmCommand();
  const value = capture(command, [...before, "config", "get", "nodedir"]).stdout.trim();
  return value === "" || value === "undefined" || value === "null" ? undefined : value;
}

function fitsThisNode(prefix) {
  const folder = join(prefix, "include", "node");
  if (!existsSync(join(folder, "node.h"))) return false;
  const version = readFileSync(join(folder, "node_version.h"), "utf8");
  const abi = /^#define NODE_MODULE_VERSION (\d+)/m.exec(version)?.[1];
  return abi === process.versions.modules;
}

function lastLines(file, count) {
  return `${readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n")}\n`;
}

function buildHint() {
  const missing = ["python3", "make", "g++"].filter((tool) => !inPath(tool));
  if (missing.length > 0) return `Missing here: ${missing.join(", ")}. Install them and try again.`;
  return "The end of the build's output is above.";
}

function inPath(tool) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, tool)));
}

function giveUp(native, message, hint) {
  if (native.optional === undefined) fail(message, hint);
  process.stderr.write(`${message} Going on without: ${native.optional}.\n`);
}

await main();
