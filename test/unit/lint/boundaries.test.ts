// Tests the lint rule of the floors, which limits what each folder of src/ may import. For example,
// only some rooms can publish a snapshot, and only some can remove one.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ESLint, type Rule } from "eslint";
import tseslint from "typescript-eslint";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const source = join(root, "src");

/** Every folder below src/, relative to src/. */
const folders = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => relative(source, join(entry.parentPath, entry.name)))
  .sort();

const rule = (await import(pathToFileURL(join(root, "eslint.boundaries.js")).href)) as {
  readonly boundaries: Rule.RuleModule;
};

const eslint = new ESLint({
  cwd: root,
  // Only the rule of the floors is active. Other rules need the types of files that do not exist
  // here.
  overrideConfigFile: true,
  overrideConfig: {
    files: ["src/**/*.ts"],
    languageOptions: { parser: tseslint.parser },
    plugins: { house: { rules: { boundaries: rule.boundaries } } },
    rules: { "house/boundaries": "error" },
  },
});

/**
 * Returns the messages for a new file in `folder` that imports `target`. Both are relative to src/.
 */
async function judge(folder: string, target: string): Promise<string[]> {
  const path = relative(join(source, folder), join(source, target)).replace(/\.ts$/, ".js");
  const specifier = path.startsWith(".") ? path : `./${path}`;
  return judgeText(folder, `import "${specifier}";\n`);
}

async function judgeText(folder: string, text: string): Promise<string[]> {
  const filePath = join(source, folder, "new-file.ts");
  const [result] = await eslint.lintText(text, { filePath });
  return (result?.messages ?? []).map(({ message }) => message);
}

async function foldersThatMayImport(target: string): Promise<string[]> {
  const allowed: string[] = [];
  for (const folder of folders) {
    if ((await judge(folder, target)).length === 0) allowed.push(folder);
  }
  return allowed;
}

void test("only store/write and store/heal can publish", async () => {
  const rooms = ["store/heal", "store/write"];
  assert.deepEqual(await foldersThatMayImport("store/write/publisher.ts"), rooms);
  assert.deepEqual(await foldersThatMayImport("files/staging.ts"), rooms);
  assert.deepEqual(await foldersThatMayImport("files/publish.ts"), ["files"]);
});

void test("only store/remove and store/heal can remove", async () => {
  const rooms = ["store/heal", "store/remove"];
  assert.deepEqual(await foldersThatMayImport("store/remove/remover.ts"), rooms);
  assert.deepEqual(await foldersThatMayImport("files/removal.ts"), ["files", ...rooms]);
});

void test("only the ports may move and delete files, and name the whole catalog", async () => {
  const durable = (name: string): string => `import { ${name} } from "../../files/durable.js";\n`;
  const ways = {
    removeTree: durable("removeTree"),
    renameOnly: durable("renameOnly"),
    all: 'import * as durable from "../../files/durable.js";\n',
    disk: 'import { disk } from "../../holes/file-operations.js";\n',
    rm: 'import { rm } from "node:fs/promises";\n',
    renameSync: 'import { renameSync } from "node:fs";\n',
    catalog: 'import type { Catalog } from "../../catalog/open.js";\n',
  };
  for (const folder of [
    "store/read",
    "store/parts",
    "store/watch",
    "store/remove",
    "store/write",
  ]) {
    for (const [what, text] of Object.entries(ways)) {
      assert.notDeepEqual(await judgeText(folder, text), [], `${folder}: ${what}`);
    }
  }
  assert.deepEqual(await judgeText("store/remove", durable("exists")), []);
  assert.deepEqual(await judgeText("store/read", 'import { stat } from "node:fs/promises";\n'), []);
});

void test("replication never imports the layout of the store's files, nor the whole store", async () => {
  assert.notDeepEqual(await judge("replication", "files/layout.ts"), []);
  const whole = 'import type { SnapshotStore } from "../store/snapshot-store.js";\n';
  assert.notDeepEqual(await judgeText("replication", whole), []);
  assert.deepEqual(await judgeText("replication", whole.replace("Snapshot", "Confined")), []);
});

void test("a folder that is missing in the table is refused", async () => {
  const [message] = await judge("attic", "base/errors.ts");
  assert.match(message ?? "", /is on no floor/);
});

void test("only the hooks of the transport load node:http2, and its types are free", async () => {
  const asValue = 'import { constants } from "node:http2";\n';
  const asType = 'import type { ServerHttp2Stream } from "node:http2";\n';
  for (const folder of ["transport", "transport/auth", "client", "daemon"]) {
    assert.notDeepEqual(await judgeText(folder, asValue), [], folder);
    assert.deepEqual(await judgeText(folder, asType), [], folder);
  }
  assert.deepEqual(await judgeText("transport/grpc-hooks", asValue), []);
});
