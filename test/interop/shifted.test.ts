// Tests that an import refuses an export that another program unpacked wrongly, or that was changed
// since. The envelopes of our exports describe each file, which reveals such changes.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { formatBytes } from "../../src/base/sizes.js";
import { connect, createFromLocalDirectory, type Client } from "../../src/client/index.js";
import { makeSource, mib, piece } from "../store/contents.js";
import { startTestDaemon } from "../support/daemon.js";
import { mainPath, runStasis, type Finished } from "../unit/cli/run-stasis.js";
import { bsdtar, gnuTar, pipeInto, type TarReader } from "./tar-readers.js";

const memoryBytes = 96 * mib;
const dataBytes = 4 * mib;
const run = promisify(execFile);

interface Scene {
  readonly client: Client;
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
  stasis(...args: string[]): Promise<Finished>;
}

/** Stores a snapshot whose configuration does not reveal the size of its memory. */
async function setUp(t: TestContext): Promise<Scene> {
  const { address, scratch } = await startTestDaemon(t);
  const client = connect(address);
  t.after(() => client.close());
  const source = await makeSource(join(scratch, "source"), [
    { name: "disk", sizeBytes: mib, pieces: [piece(0, mib)] },
    { name: "memory", sizeBytes: memoryBytes, pieces: [piece(50 * mib, dataBytes)] },
  ]);
  await createFromLocalDirectory(client, source, { config: { name: "vm" } });
  const env = { STASIS_ADDR: address };
  const stasis = (...args: string[]) => runStasis(args, { env, cwd: scratch });
  return { client, scratch, env, stasis };
}

/** Returns the directory with the result of `export | tar x`. */
async function exported(scene: Scene, reader: TarReader, ...options: string[]): Promise<string> {
  const directory = join(scene.scratch, `unpacked-${reader.program}${options.join("")}`);
  await mkdir(directory);
  const command = [process.execPath, mainPath, "export", "vm", ...options];
  await pipeInto(reader, directory, command, scene.env);
  return directory;
}

async function expectRefused(scene: Scene, args: readonly string[], text: RegExp): Promise<string> {
  const { code, stderr } = await scene.stasis("import", ...args, "--name", "again", "--json");
  assert.notEqual(code, 0, `import ${args.join(" ")} was taken`);
  assert.match(stderr, /ARCHIVE_INVALID/);
  assert.match(stderr, text);
  const { snapshots } = await scene.client.list({});
  assert.deepEqual(
    snapshots.map(({ config }) => config?.name),
    ["vm"],
  );
  return stderr;
}

const shifted = new RegExp(
  `memory is not what was exported: expected ${formatBytes(memoryBytes)} .*found ${formatBytes(dataBytes)}`,
);

for (const reader of [gnuTar, bsdtar]) {
  test(
    `every import refuses the files that ${reader.name} makes of cocoon's form`,
    { skip: reader.missing },
    async (t) => {
      const scene = await setUp(t);
      const directory = await exported(scene, reader, "--sparse", "cocoon");
      assert.equal((await stat(join(directory, "memory"))).size, dataBytes, "it is shifted");
      const said = await expectRefused(scene, [directory], shifted);
      assert.match(said, /export it again with the sparse format gnu or none/);
      await expectRefused(scene, ["--on-node", directory], shifted);
      const archive = join(scene.scratch, "again.tar");
      await run("tar", ["-cf", archive, "-C", directory, "."]);
      await expectRefused(scene, [archive], shifted);
      // The client checks before it sends. For other clients, the daemon checks.
      const call = scene.client.importFromDirectory({ directory, name: "again" });
      await assert.rejects(call, { reason: "ARCHIVE_INVALID", message: shifted });
    },
  );
}

test("a file that was changed after the export is refused by its digest, unless the claim is removed", async (t) => {
  const scene = await setUp(t);
  const directory = await exported(scene, gnuTar);
  await using file = await open(join(directory, "memory"), "r+");
  await file.write(Buffer.from("x"), 0, 1, 3 * mib);
  const changed =
    /memory is not what was exported: expected sha256:[0-9a-f]{64} \(digest .*found sha256:/;
  for (const args of [[directory], ["--on-node", directory]]) {
    const said = await expectRefused(scene, args, changed);
    assert.match(said, /remove the key \\?"stasis\\?" from snapshot\.json/);
  }
  const envelope = join(directory, "snapshot.json");
  const { stasis, ...rest } = JSON.parse(await readFile(envelope, "utf8")) as Record<
    string,
    unknown
  >;
  assert.ok(stasis);
  await writeFile(envelope, JSON.stringify(rest));
  const taken = await scene.stasis("import", directory, "--name", "meant");
  assert.equal(taken.code, 0, taken.stderr);
});

test("the claims of an export match the snapshot, and occur once after an import", async (t) => {
  const scene = await setUp(t);
  const { snapshot } = await scene.client.inspect("vm");
  const expected = Object.fromEntries(
    (snapshot?.files ?? []).map(({ name, sizeBytes, digest }) => [
      name,
      { size: Number(sizeBytes), digest, blocks: "blake3" },
    ]),
  );
  for (const [ref, directory] of [
    ["vm", "first"],
    ["copy", "second"],
  ] as const) {
    const done = await scene.stasis("export", ref, "--to-dir", directory);
    assert.equal(done.code, 0, done.stderr);
    const text = await readFile(join(scene.scratch, directory, "snapshot.json"), "utf8");
    const { stasis } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(stasis, { files: expected });
    assert.equal(text.split('"stasis"').length, 2);
    const imported = await scene.stasis(
      "import",
      directory,
      "--name",
      `copy${ref === "vm" ? "" : 2}`,
    );
    assert.equal(imported.code, 0, imported.stderr);
  }
});
