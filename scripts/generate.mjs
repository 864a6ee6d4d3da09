// `npm run generate`: writes gen/ from proto/. With --check it writes to another place, compares,
// and fails if the committed gen/ differs. It compares the clients of other languages by digests,
// which needs no toolchain. With --check --clients it generates them again as well.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { clientOutputs, generateClients, staleClients } from "./generate-clients.mjs";
import { capture, fail, root } from "./run-tool.mjs";

const generatedFolder = "gen";
/** File descriptors with comments, which the daemon serves through reflection. */
const descriptorFile = join(generatedFolder, "stasis.binpb");
/** Paths that buf and the TypeScript generator own. */
const ownOutputs = [join(generatedFolder, "ts"), descriptorFile];

function main(args) {
  if (args.length === 0) {
    generateInto(root);
    return generateClients(root);
  }
  const all = args.join(" ") === "--check --clients";
  if (!all && args.join(" ") !== "--check") {
    fail(
      `generate: unknown arguments ${args.join(" ")}.`,
      "Usage: generate.mjs [--check [--clients]]",
    );
  }
  const scratch = mkdtempSync(join(tmpdir(), "stasis-generate-"));
  let differing;
  try {
    generateInto(scratch);
    if (all) generateClients(scratch);
    const outputs = all ? [...ownOutputs, ...clientOutputs] : ownOutputs;
    differing = [...outputs.flatMap((output) => differences(output, scratch)), ...staleClients()];
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

function differences(output, scratch) {
  const names = new Set([...filesBelow(root, output), ...filesBelow(scratch, output)]);
  return [...names].sort().flatMap((name) => {
    if (!existsSync(join(scratch, name))) return [`${name}: no source any more`];
    if (!existsSync(join(root, name))) return [`${name}: missing`];
    const same = readFileSync(join(root, name)).equals(readFileSync(join(scratch, name)));
    return same ? [] : [`${name}: differs`];
  });
}

function filesBelow(base, output) {
  const path = join(base, output);
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [output];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => relative(base, join(entry.parentPath, entry.name)));
}

main(process.argv.slice(2));
