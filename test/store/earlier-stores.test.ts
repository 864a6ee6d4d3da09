// Tests that this build opens stores of earlier builds. Earlier builds refuse a store of this build
// with one clear line, and leave the store unchanged.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, open, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect, restoreToLocalDirectory, type Client } from "../../src/client/index.js";
import { Database } from "../../src/catalog/sqlite.js";
import { newestSchema } from "../../src/catalog/migrations.js";
import { readBlockTable } from "../../src/files/block-table-codec.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { buildCommit, cannotBuild } from "../support/earlier-build.js";
import { withScratchDir } from "../support/scratch.js";

const fixtures = new URL("../fixtures/stores/", import.meta.url);
const kib = 1024;

/** Builds that do not check store.json know schemas up to this version. */
const lastUngated = 4;

async function unpack(name: string, directory: string): Promise<string> {
  const archive = fileURLToPath(new URL(`${name}.tar.gz`, fixtures));
  await promisify(execFile)("tar", ["-xzf", archive, "--no-same-owner", "-C", directory]);
  return join(directory, "root");
}

/** The README of the fixtures describes the files of this snapshot. */
function contentOf(name: string): Map<string, Buffer> {
  const cow = Buffer.alloc(3 * 1024 * kib);
  cow.write(`disk of ${name}`, 1024 * kib);
  const memory = Buffer.alloc(700 * kib);
  memory.write(`memory of ${name}`);
  return new Map([
    ["cow.raw", cow],
    ["memory-ranges", memory],
    ["state.json", Buffer.from(`{"vm":"${name}"}`)],
  ]);
}

async function checkSnapshots(client: Client): Promise<void> {
  const { snapshots } = await client.list({});
  const found = snapshots.map(({ config, protected: kept, corrupt }) => {
    const { name = "", description = "", labels = {} } = config ?? {};
    return { name, description, labels: { ...labels }, kept, corrupt };
  });
  const plain = { description: "", labels: {}, kept: false, corrupt: false };
  const sorted = found.sort((a, b) => a.name.localeCompare(b.name));
  assert.deepEqual(sorted, [
    { ...plain, name: "a", labels: { vm: "one" }, kept: true },
    { ...plain, name: "b", description: "the second" },
    { ...plain, name: "c" },
  ]);
  for (const name of ["a", "b", "c"]) {
    await withScratchDir(async (directory) => {
      const target = join(directory, name);
      await restoreToLocalDirectory(client, name, target);
      const content = contentOf(name);
      assert.deepEqual((await readdir(target)).sort(), [...content.keys()]);
      for (const [file, expected] of content) {
        assert.ok((await readFile(join(target, file))).equals(expected), `${file} of ${name}`);
      }
    });
  }
}

async function verify(client: Client): Promise<void> {
  let verdicts = 0;
  for await (const { event } of client.verify({})) {
    if (event.case !== "verdict") continue;
    verdicts += 1;
    assert.ok(event.value.intact, `${event.value.file}: ${event.value.problem}`);
  }
  assert.equal(verdicts, 9);
}

const stores = { "store-sha256": "sha256", "store-0608b27": "blake3" } as const;

for (const [name, algorithm] of Object.entries(stores)) {
  test(`${name} is opened, read, changed, and rebuilt from its manifests`, () =>
    withScratchDir(async (directory) => {
      const root = await unpack(name, directory);
      for (const rebuilt of [false, true]) {
        await using daemon = await startDaemonProcess(root);
        await using client = connect(daemon.address);
        await checkSnapshots(client);
        await verify(client);
        const { snapshot } = await client.inspect("a");
        const blocks = join(root, "data", snapshot?.config?.id ?? "", "blocks");
        for (const table of await readdir(blocks)) {
          assert.equal((await readBlockTable(join(blocks, table))).algorithm, algorithm);
        }
        // After these updates, this build has written the manifest of `c`.
        for (const description of ["new", ""]) {
          await client.update({ ref: "c", description, updateMask: { paths: ["description"] } });
        }
        daemon.signal("SIGTERM");
        await daemon.exited;
        await assertClean(root);
        if (rebuilt) return;
        for (const file of await readdir(root)) {
          if (file.startsWith("catalog.")) await rm(join(root, file));
        }
      }
    }));
}

/** Maps every path below a directory to its mode and a digest of its bytes. */
async function contentsBelow(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    const bytes = entry.isFile() ? await readFile(path) : "";
    found[path] = `${mode} ${createHash("sha256").update(bytes).digest("hex")}`;
  }
  return found;
}

/**
 * Returns the schema version in the database file itself, without the log (see SQLite's file
 * format).
 */
async function schemaInFile(root: string): Promise<number> {
  await using file = await open(join(root, "catalog.db"));
  const header = Buffer.alloc(100);
  await file.read(header, 0, 100, 0);
  return header.readUInt32BE(60);
}

test("builds without a check of store.json refuse the schema, even without the log", () =>
  withScratchDir(async (directory) => {
    const root = await unpack("store-0608b27", directory);
    const roots = [root, join(directory, "new")];
    for (const each of roots) {
      const daemon = await startDaemonProcess(each, { socket: join(directory, "s") });
      await daemon.kill();
      assert.equal(await schemaInFile(each), newestSchema);
      const database = new Database(join(each, "catalog.db"), { readonly: true });
      const found = database.pragma("user_version", { simple: true }) as number;
      database.close();
      assert.equal(found, newestSchema);
      assert.ok(found > lastUngated);
    }
  }));

const earlier = "0608b27";
// This is the message of the last commit without a check of store.json, from its
// src/catalog/migrations.ts.
const refusal = new RegExp(
  `^stasis: the catalog has schema version ${newestSchema}, this stasis knows versions up to 4: ` +
    "it was made by a newer stasis$",
  "m",
);

test(`the build of ${earlier} refuses a store of this one`, { skip: cannotBuild(earlier) }, () =>
  withScratchDir(async (directory) => {
    const program = await buildCommit(earlier, join(directory, "build"));
    const root = await unpack("store-0608b27", directory);
    for (const ending of ["SIGTERM", "SIGKILL"] as const) {
      const daemon = await startDaemonProcess(root);
      daemon.signal(ending);
      await daemon.exited;
      const before = await contentsBelow(root);
      const args = ["serve", "--root", root, "--listen", "none", "--socket", join(directory, "s")];
      const run = spawnSync(process.execPath, [program, ...args], {
        encoding: "utf8",
        timeout: 60_000,
      });
      assert.equal(run.status, 5, run.stderr);
      assert.match(run.stderr, refusal);
      assert.equal(run.stderr.trim().split("\n").length, 2, run.stderr);
      assert.deepEqual(essential(await contentsBelow(root)), essential(before));
    }
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    await checkSnapshots(client);
    await verify(client);
  }),
);

/** Leaves out lock.info, the socket, and the files that SQLite changes when it moves its log. */
function essential(contents: Record<string, string>): Record<string, string> {
  const own = /\/(lock\.info|catalog\.db(-wal)?|stasis\.sock)$/;
  return Object.fromEntries(Object.entries(contents).filter(([path]) => !own.test(path)));
}
