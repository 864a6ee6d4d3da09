// What `restore` and `export` write by default is unpacked by the programs that people have: sizes, bytes
// and holes are those of the source. docs/formats.md has this matrix as a table.
import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  SparseFormat,
  connect,
  createFromLocalDirectory,
  restoreToLocalDirectory,
  type Client,
} from "../../src/client/index.js";
import { envelopeFileName } from "../../src/model/name.js";
import { gib, kib, makeSource, mib, piece } from "../store/contents.js";
import { startTestDaemon } from "../support/daemon.js";
import { allocatedBytesOf } from "../support/scratch.js";
import { mainPath, runStasis } from "../unit/cli/run-stasis.js";
import { compareTrees } from "./cocoon/differences.js";
import { bsdtar, gnuTar, goTar, pipeInto, python } from "./tar-readers.js";

interface Scene {
  readonly client: Client;
  readonly scratch: string;
  readonly source: string;
  /** Of the shell that runs `stasis`. */
  readonly env: Readonly<Record<string, string>>;
}

const diskBytes = 2 * gib;
const diskDataBytes = 10 * mib;
const ref = "vm";

/** A stored snapshot with a disk of 2 GiB that holds 10 MiB, and what else a VM has. */
async function setUp(t: TestContext): Promise<Scene> {
  const { address, scratch } = await startTestDaemon(t);
  const client = connect(address);
  t.after(() => client.close());
  const source = await makeSource(join(scratch, "source"), [
    {
      name: "cow.raw",
      sizeBytes: diskBytes,
      pieces: Array.from({ length: 10 }, (_, index) => piece(index * 200 * mib + 64 * kib, mib)),
    },
    { name: "memory-größe", sizeBytes: 3 * mib + 5, pieces: [piece(mib, 4096), piece(3 * mib, 5)] },
    { name: "all-hole", sizeBytes: 5 * mib, pieces: [] },
    { name: "state.json", sizeBytes: 3000, pieces: [piece(0, 3000)], mode: 0o640 },
  ]);
  await createFromLocalDirectory(client, source, { config: { name: ref } });
  return { client, scratch, source, env: { STASIS_ADDR: address } };
}

async function emptyDirectory(scene: Scene, name: string): Promise<string> {
  const directory = join(scene.scratch, name);
  await mkdir(directory);
  return directory;
}

async function expectSource(directory: string, scene: Scene): Promise<void> {
  const { differences } = await compareTrees(directory, scene.source);
  assert.deepEqual(differences, []);
  const disk = join(directory, "cow.raw");
  assert.equal((await stat(disk)).size, diskBytes);
  assert.ok((await allocatedBytesOf(disk)) < 2 * diskDataBytes, "the disk has its holes");
}

test("the default is unpacked by other programs to the files that were stored", async (t) => {
  const scene = await setUp(t);
  const stasis = [process.execPath, mainPath];
  for (const reader of [gnuTar, bsdtar, python, goTar()]) {
    await t.test(`restore | ${reader.name}`, async (t) => {
      if (reader.missing !== false) return t.skip(reader.missing);
      const directory = await emptyDirectory(scene, `restore ${reader.name}`.replace("/", "-"));
      const said = await pipeInto(reader, directory, [...stasis, "restore", ref], scene.env);
      assert.doesNotMatch(said, /warning/);
      await expectSource(directory, scene);
    });
    await t.test(`restore -o FILE, ${reader.name}`, async (t) => {
      if (reader.missing !== false) return t.skip(reader.missing);
      const directory = await emptyDirectory(scene, `file ${reader.name}`.replace("/", "-"));
      const file = join(scene.scratch, "restored.tar");
      const done = await runStasis(["restore", ref, "-f", "-o", file], { env: scene.env });
      assert.equal(done.code, 0, done.stderr);
      await pipeInto(reader, directory, ["cat", file]);
      await expectSource(directory, scene);
    });
    await t.test(`export | ${reader.name}, imported again`, async (t) => {
      if (reader.missing !== false) return t.skip(reader.missing);
      const directory = await emptyDirectory(scene, `export ${reader.name}`.replace("/", "-"));
      await pipeInto(reader, directory, [...stasis, "export", ref], scene.env);
      const envelope = join(directory, envelopeFileName);
      assert.match(await readFile(envelope, "utf8"), /"name": "vm"/);
      const imported = await runStasis(["import", directory, "--name", reader.program], {
        env: scene.env,
      });
      assert.equal(imported.code, 0, imported.stderr);
      await rm(envelope);
      await expectSource(directory, scene);
    });
  }
});

test("every format is read back by our own client, and sent when it is asked for", async (t) => {
  const scene = await setUp(t);
  const { client, scratch } = scene;
  const formats = [SparseFormat.UNSPECIFIED, SparseFormat.GNU, SparseFormat.COCOON];
  for (const sparseFormat of formats) {
    const directory = join(scratch, `format-${sparseFormat}`);
    await restoreToLocalDirectory(client, { ref, sparseFormat }, directory);
    await expectSource(directory, scene);
  }
  for (const [option, record] of [
    ["gnu", "GNU.sparse.realsize"],
    ["cocoon", "COCOON.sparse.size"],
  ] as const) {
    for (const command of ["restore", "export"]) {
      const done = await runStasis([command, ref, "--sparse", option], { env: scene.env });
      assert.equal(done.code, 0, done.stderr);
      assert.ok(done.stdout.includes(record), `${command} --sparse ${option}`);
    }
  }
  const refused = await runStasis(["restore", ref, "--to", join(scratch, "x"), "--sparse", "gnu"], {
    env: scene.env,
  });
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--sparse is for tars/);
});

test("a call that names no format gets GNU PAX 1.0 from Restore and Export", async (t) => {
  const { client } = await setUp(t);
  for (const download of [await client.restore(ref), await client.export(ref)]) {
    await using open = download;
    let text = "";
    for await (const bytes of open.bytes) {
      text = Buffer.from(bytes.subarray(0, 16 * kib)).toString("latin1");
      break;
    }
    assert.match(text, /GNU\.sparse\.major=1/);
    assert.doesNotMatch(text, /COCOON/);
    assert.deepEqual(open.header.warnings, []);
  }
});
