// `npm run generate`: writes gen/ from proto/. With --check it writes elsewhere, compares, and fails
// when the committed gen/ is not what proto/ gives.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { capture, fail, root } from "./run-tool.mjs";

const generatedFolder = "gen";
/** File descriptors with their comments: what the daemon serves through reflection. */
const descriptorFile = join(generatedFolder, "stasis.binpb");

function main(args) {
  if (args.length === 0) return generateInto(root);
  if (args.length !== 1 || args[0] !== "--check") {
    fail(`generate: unknown arguments ${args.join(" ")}.`, "Usage: generate.mjs [--check]");
  }
  const scratch = mkdtempSync(join(tmpdir(), "stasis-generate-"));
  let differing;
  try {
    generateInto(scratch);
    differing = differences(join(root, generatedFolder), join(scratch, generatedFolder));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (differing.length > 0) {
    const list = differing.map((line) => `\n  ${line}`).join("");
    fail(`generate: gen/ is not what proto/ gives:${list}`, 'Run "npm run generate", commit gen/.');
  }
  process.stdout.write("generate: gen/ is up to date with proto/\n");
}

function generateInto(folder) {
  buf(["generate", "--output", folder]);
  buf(["build", "--output", join(folder, descriptorFile)]);
}

function buf(args) {
  const { status, stdout, stderr } = capture("buf", args, { timeout: 120_000 });
  if (status === 0) return;
  process.stderr.write(stdout + stderr);
  throw new Error(`buf ${args[0]} ended with status ${status}`);
}

function differences(committed, fresh) {
  const names = new Set([...filesBelow(committed), ...filesBelow(fresh)]);
  return [...names].sort().flatMap((name) => {
    const path = join(generatedFolder, name);
    if (!existsSync(join(fresh, name))) return [`${path}: no source any more`];
    if (!existsSync(join(committed, name))) return [`${path}: missing`];
    const same = readFileSync(join(committed, name)).equals(readFileSync(join(fresh, name)));
    return same ? [] : [`${path}: differs`];
  });
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

main(process.argv.slice(2));
