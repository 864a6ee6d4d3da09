// `npm run build`: compiles to dist/ and copies files that are not TypeScript. It also deletes
// files without a source from dist/, so that no deleted test runs and no deleted module gets
// imported.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { buildWeb } from "./build-web.mjs";
import { passThrough, root } from "./run-tool.mjs";

const dist = join(root, "dist");
const buildInfo = join(dist, "tsconfig.tsbuildinfo");
/** The file with the commit, which src/base/build-info.ts reads. */
const commitFile = join(dist, "src", "build.json");
/** Folders with TypeScript to compile, like `include` in tsconfig.json. */
const compiledFolders = ["src", "gen", "test", "bench", "examples", "scripts"];
/** Folders whose other files are read at run time, through a path relative to the module. */
const assetFolders = ["src", "test"];
/**
 * The part of gen/ that dist/ contains. Clients of other languages, and the output of their tools,
 * stay out of it.
 */
const assetFiles = [join("gen", "stasis.binpb")];
const compiledSuffixes = [".d.ts.map", ".d.ts", ".js.map", ".js"];

async function main() {
  removeStale();
  // The compiler trusts its build info and would not restore a deleted file.
  if (!isComplete()) rmSync(buildInfo, { force: true });
  const status = passThrough("tsc", ["-p", "."]);
  if (status !== 0) process.exit(status);
  copyAssets();
  const webStatus = await buildWeb();
  if (webStatus !== 0) process.exit(webStatus);
  writeBuildInfo();
  const program = join(dist, "src", "main.js");
  if (existsSync(program)) chmodSync(program, 0o755);
}

function removeStale() {
  for (const file of filesBelow(dist)) {
    if (file === buildInfo || file === commitFile || isOfWeb(file)) continue;
    if (!sourcesOf(file).some((source) => existsSync(source))) rmSync(file);
  }
}

/**
 * Returns whether the file belongs to the web page, whose files scripts/build-web.mjs keeps in
 * order.
 */
function isOfWeb(file) {
  return file.startsWith(join(dist, "web/")) || file === join(dist, "web.tsbuildinfo");
}

function sourcesOf(distFile) {
  const path = join(root, relative(dist, distFile));
  const suffix = compiledSuffixes.find((each) => path.endsWith(each));
  if (suffix === undefined) return [path];
  const source = `${path.slice(0, -suffix.length)}.ts`;
  return suffix === ".js" || suffix === ".d.ts" ? [source, path] : [source];
}

function isComplete() {
  return compiledFolders
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((file) => isCompiled(file))
    .every((file) => existsSync(inDist(file).replace(/\.ts$/, ".js")));
}

function copyAssets() {
  const inFolders = assetFolders.flatMap((folder) => filesBelow(join(root, folder)));
  for (const file of [...inFolders, ...assetFiles.map((name) => join(root, name))]) {
    if (isCompiled(file) || file.endsWith(".d.ts")) continue;
    const target = inDist(file);
    const from = statSync(file);
    const to = statSync(target, { throwIfNoEntry: false });
    if (to?.size === from.size && to.mtimeMs >= from.mtimeMs) continue;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
}

function writeBuildInfo() {
  const text = `${JSON.stringify({ commit: commitOf(root) })}\n`;
  if (existsSync(commitFile) && readFileSync(commitFile, "utf8") === text) return;
  writeFileSync(commitFile, text);
}

/**
 * Returns the commit of the source. STASIS_COMMIT is for builds without .git, such as that of the
 * image.
 */
function commitOf(folder) {
  const given = process.env["STASIS_COMMIT"] ?? "";
  if (/^[\w.-]{1,64}$/.test(given)) return given;
  // The repository of a project that contains this package does not count.
  if (!existsSync(join(folder, ".git"))) return "unknown";
  const git = (...args) => spawnSync("git", ["-C", folder, ...args], { encoding: "utf8" });
  const { status, stdout } = git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*");
  return status === 0 ? stdout.trim() : "unknown";
}

function isCompiled(file) {
  return file.endsWith(".ts") && !file.endsWith(".d.ts");
}

function inDist(file) {
  return join(dist, relative(root, file));
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

await main();
