// Makes the generated part of gen/go, gen/python, gen/java and gen/rust. Also writes the list of
// digests with which a checkout without those toolchains verifies that they are up to date.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { clientPlugins, mustRun } from "./client-plugins.mjs";
import { root } from "./run-tool.mjs";

/**
 * Folders that the generators own and therefore empty first. The package files next to them are
 * ours.
 */
export const clientOutputs = [
  "gen/go/stasis",
  "gen/python/stasis/v1",
  "gen/java/src/main/java/stasis",
  "gen/rust/src/v1",
];
const inputs = ["proto/stasis", "scripts/plugins", "scripts/generate-clients.mjs"];
const digestList = "gen/clients.sha256";
/** No host serves this module. Dependants use `replace`, see gen/README.md. */
const goModule = "stasis.local/gen/go";

/** Writes the clients to `folder`, which already has gen/stasis.binpb. */
export function generateClients(folder) {
  const plugins = clientPlugins();
  for (const output of clientOutputs) {
    rmSync(join(folder, output), { recursive: true, force: true });
    mkdirSync(join(folder, output), { recursive: true });
  }
  goAndJava(folder, plugins);
  python(folder, plugins);
  const descriptors = join(folder, "gen", "stasis.binpb");
  mustRun(plugins.rust, [descriptors, join(folder, "gen", "rust", "src", "v1")]);
  writeFileSync(join(folder, digestList), digests(folder));
}

/** One line for each file that has changed since the clients were generated. */
export function staleClients() {
  const list = join(root, digestList);
  const recorded = existsSync(list) ? readFileSync(list, "utf8").split("\n") : [];
  const current = digests(root).split("\n");
  const changed = [
    ...recorded.filter((line) => !current.includes(line)),
    ...current.filter((line) => !recorded.includes(line)),
  ];
  const paths = new Set(changed.filter(Boolean).map((line) => line.split("  ")[1]));
  return [...paths].sort().map((path) => `${path}: changed since the clients were generated`);
}

function goAndJava(folder, plugins) {
  const go = join(folder, "gen", "go");
  const java = join(folder, "gen", "java", "src", "main", "java");
  const template = {
    version: "v2",
    // In the template, not in proto/, so that other users of the proto files choose their own
    // names.
    managed: {
      enabled: true,
      override: [
        { file_option: "go_package", path: "stasis", value: `${goModule}/stasis/v1;stasisv1` },
        { file_option: "java_package", path: "stasis", value: "stasis.v1" },
        { file_option: "java_multiple_files", path: "stasis", value: true },
      ],
    },
    plugins: [
      { local: plugins.go, out: go, opt: `module=${goModule}` },
      { local: plugins.goGrpc, out: go, opt: `module=${goModule}` },
      { protoc_builtin: "java", protoc_path: plugins.protoc, out: java },
      { local: plugins.javaGrpc, out: java, opt: "@generated=omit" },
    ],
  };
  const chosen = ["--path", "proto/stasis"];
  mustRun("buf", ["generate", "--template", JSON.stringify(template), ...chosen]);
}

function python(folder, plugins) {
  const out = join(folder, "gen", "python");
  const files = filesBelow(join(root, "proto"))
    .filter((file) => file.startsWith("stasis/"))
    .sort();
  const outs = ["python", "pyi", "grpc_python"].map((kind) => `--${kind}_out=${out}`);
  const proto = `--proto_path=${join(root, "proto")}`;
  mustRun(plugins.python, ["-m", "grpc_tools.protoc", proto, ...outs, ...files]);
}

function digests(outputRoot) {
  const lines = [
    ...inputs.flatMap((path) => digestsBelow(root, path)),
    ...clientOutputs.flatMap((path) => digestsBelow(outputRoot, path)),
  ];
  return `${lines.join("\n")}\n`;
}

function digestsBelow(base, path) {
  const full = join(base, path);
  const files = path.endsWith(".mjs") ? [path] : filesBelow(full).map((file) => join(path, file));
  return files
    .filter((file) => !file.includes("/target/") && !file.includes("__pycache__"))
    .sort()
    .map((file) => {
      const hash = createHash("sha256").update(readFileSync(join(base, file)));
      return `${hash.digest("hex")}  ${file}`;
    });
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
