// Tests that the table of dependencies in CONTRIBUTING.md agrees with package.json and with the
// imports.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));

interface PackageJson {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>;
  readonly files: readonly string[];
}

const manifest = JSON.parse(read("package.json")) as PackageJson;
/** Users who need a peer install it beside stasis. The tests use the real packages. */
const peers = Object.keys(manifest.peerDependencies);
const shipped = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
/** Packages of types have no row of their own, because they belong to their package. */
const development = Object.keys(manifest.devDependencies).filter(
  (name) => !name.startsWith("@types/") && !peers.includes(name),
);

function read(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

function textOf(folder: string, endings: RegExp): string {
  return readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => endings.test(file))
    .map((file) => read(join(folder, file)))
    .join("\n");
}

function isImported(name: string, text: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  return new RegExp(`(from |import |import\\()"${escaped}(/[^"]*)?"`).test(text);
}

test("every dependency has its reason in CONTRIBUTING.md, and no other package has one", () => {
  const table = /^\| package \| why \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(read("CONTRIBUTING.md"));
  const rows = (table?.[1] ?? "").trim().split("\n");
  const cells = rows.map((row) => row.split("|")[1] ?? "");
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  assert.deepEqual(named.sort(), [...shipped, ...development, ...peers].sort());
  for (const cell of cells) {
    const kind = /\((optional|development|optional peers)\)/.exec(cell)?.[1];
    for (const [, name = ""] of cell.matchAll(/`([^`]+)`/g)) {
      if (kind === "optional") assert.ok(name in manifest.optionalDependencies, name);
      if (kind === undefined) assert.ok(!(name in manifest.optionalDependencies), name);
      assert.equal(kind === "optional peers", peers.includes(name), name);
      if (kind === "development") assert.ok(name in manifest.devDependencies, name);
    }
  }
});

test("the program imports the shipped packages, and other packages are used only elsewhere", () => {
  const source = textOf("src", /\.ts$/) + textOf("gen/ts", /\.ts$/);
  for (const name of shipped)
    assert.ok(isImported(name, source), `${name} is not imported in src/`);
  const elsewhere = ["test", "bench", "examples", "scripts"].map((each) =>
    textOf(each, /\.m?[jt]s$/),
  );
  const page = textOf("web", /\.(tsx?|css)$/);
  const own = [read("eslint.config.js"), read("buf.gen.yaml"), page, ...elsewhere].join("\n");
  const scripts = Object.values(manifest.scripts).join("\n");
  for (const name of development) {
    assert.ok(!isImported(name, source), `${name} is imported in src/: it belongs in dependencies`);
    const tool = (name.split("/").at(-1) ?? name).replace("typescript", "tsc");
    const isTool = new RegExp(`\\b${tool}\\b`).test(`${scripts}\n${own}`);
    assert.ok(isImported(name, own) || isTool, `${name} is used nowhere`);
  }
});

test("a peer is optional, tested here, and loaded only when it is needed", () => {
  const source = textOf("src", /\.ts$/);
  for (const name of peers) {
    assert.equal(manifest.peerDependenciesMeta[name]?.optional, true, name);
    assert.ok(name in manifest.devDependencies, name);
    assert.ok(source.includes(`await import("${name}")`), `${name} is not loaded`);
    assert.ok(!source.includes(`from "${name}"`), `${name} is loaded by every program`);
  }
});

test("each package of types belongs to an installed package", () => {
  for (const name of Object.keys(manifest.devDependencies)) {
    const [, typed] = /^@types\/(.+)$/.exec(name) ?? [];
    if (typed === undefined || typed === "node") continue;
    assert.ok([...shipped, ...development].includes(typed), `${name} has no package`);
  }
});

test("the published package contains everything that its setup imports", () => {
  for (const file of manifest.files.filter((each) => each.endsWith(".mjs"))) {
    for (const [, path = ""] of read(file).matchAll(/from "\.\/([^"]+)"/g)) {
      assert.ok(manifest.files.includes(`scripts/${path}`), `${file} imports scripts/${path}`);
    }
  }
});
