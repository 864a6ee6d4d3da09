// Tests that common programs unpack the default output of `restore` and `export`, with the sizes,
// bytes and holes of the source. docs/formats.md has this matrix as a table.
import assert from "node:assert/strict";
import { mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { lend, OwnedChunk } from "../../src/wire/chunk.js";
import { planEntry } from "../../src/archive/entry-plan.js";
import { archiveWarnings, maxGoMapBytes } from "../../src/archive/reader-limits.js";
import { writeTar, type ArchiveFile } from "../../src/archive/tar-writer.js";
import {
  DownloadWarningKind,
  SparseFormat,
  connect,
  createFromLocalDirectory,
  restoreToLocalDirectory,
  type Client,
} from "../../src/client/index.js";
import { envelopeFileName } from "../../src/model/name.js";
import { ExtentMap } from "../../src/holes/extent-map.js";
import { gib, kib, makeSource, mib, piece } from "../store/contents.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { allocatedBytesOf } from "../support/scratch.js";
import { mainPath, runStasis } from "../unit/cli/run-stasis.js";
import { compareTrees } from "./cocoon/differences.js";
import { bsdtar, gnuTar, goRefusesLongMaps, goTar, pipeInto, python } from "./tar-readers.js";

interface Scene {
  readonly client: Client;
  readonly scratch: string;
  readonly source: string;
  /** The environment of the shell that runs `stasis`. */
  readonly env: Readonly<Record<string, string>>;
}

const diskBytes = 2 * gib;
const diskDataBytes = 10 * mib;
const ref = "vm";

/** Stores a snapshot with a disk of 2 GiB that contains 10 MiB, and the other files of a VM. */
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

test("other programs unpack the default format to the files that were stored", async (t) => {
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

test("our own client reads every format, and the daemon sends the requested one", async (t) => {
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

test("without a format, Restore and Export send GNU PAX 1.0", async (t) => {
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

const segmentBytes = 512;
const stride = 8 * kib;

/** Returns a file with this many segments, each of which contains its own number. */
function fragments(segments: number): ArchiveFile {
  const extents = Array.from({ length: segments }, (_, index) => ({
    offset: index * stride,
    length: segmentBytes,
  }));
  const bytes = Buffer.alloc(segmentBytes, "x");
  return {
    name: "memory",
    mode: 0o600,
    sizeBytes: segments * stride,
    extents,
    async *pieces() {
      await Promise.resolve();
      for (const [index, { offset }] of extents.entries()) {
        bytes.writeUInt32LE(index + 1);
        yield { offset, chunk: OwnedChunk.copyOf(bytes) };
      }
    },
  };
}

/** Checks the first bytes of each segment, and of the hole after it. */
async function expectFragments(path: string, segments: number): Promise<void> {
  await using file = await open(path, "r");
  assert.equal((await file.stat()).size, segments * stride);
  const bytes = Buffer.alloc(2 * segmentBytes);
  for (let index = 0; index < segments; index += 1) {
    await file.read(bytes, 0, bytes.length, index * stride);
    if (bytes.readUInt32LE() !== index + 1 || bytes[segmentBytes] !== 0) {
      assert.fail(`segment ${index} of ${path}`);
    }
  }
}

/** Returns the largest number of segments whose map Go accepts. */
function segmentsAtGoLimit(): number {
  let [fits, tooMany] = [1, maxGoMapBytes];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    const { mapBytes } = planEntry(fragments(middle), "gnu", 0);
    if (mapBytes <= maxGoMapBytes) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

test("all programs read maps up to 1 MiB; some named programs refuse longer maps", async (t) => {
  const scratch = await makeScratch(t, "stasis-maps-");
  const atLimit = segmentsAtGoLimit();
  for (const segments of [atLimit, atLimit + 100]) {
    const file = fragments(segments);
    using map = new ExtentMap();
    for (const { offset, length } of file.extents ?? []) map.push(offset, length);
    const warnings = archiveWarnings([{ ...file, extents: map }], "gnu");
    const refusing = warnings.flatMap(({ readers }) => readers);
    assert.deepEqual(refusing, segments === atLimit ? [] : ["cocoon", "Go archive/tar"]);
    const archive = join(scratch, "archive.tar");
    await writeFile(archive, lend(writeTar([file])));
    for (const reader of [gnuTar, bsdtar, python, goTar()]) {
      await t.test(`${segments} segments, ${reader.name}`, async (t) => {
        if (reader.missing !== false) return t.skip(reader.missing);
        const refuses = refusing.includes(reader.name);
        if (refuses && !goRefusesLongMaps()) return t.skip("this Go has no limit yet");
        const directory = join(scratch, "unpacked");
        await mkdir(directory);
        const unpacking = pipeInto(reader, directory, ["cat", archive]);
        if (refuses) await assert.rejects(unpacking, /sparse map too long/);
        else {
          await unpacking;
          await expectFragments(join(directory, file.name), segments);
        }
        await rm(directory, { recursive: true });
      });
    }
  }
});

test("restore and export warn of a map that Go and cocoon refuse, and of holes that cocoon cannot read", async (t) => {
  const scene = await setUp(t);
  const { client, scratch, env } = scene;
  const directory = join(scratch, "fragments");
  await mkdir(directory);
  // The segments are far out in the file, where each takes 19 bytes of the map, so that few
  // segments suffice.
  const [count, base] = [56_000, 1024 * gib];
  await using file = await open(join(directory, "memory"), "wx");
  await file.truncate(base + count * stride);
  const page = Buffer.alloc(4 * kib, "x");
  for (let index = 0; index < count; index += 1) {
    await file.write(page, 0, page.length, base + index * stride);
  }
  await createFromLocalDirectory(client, directory, { config: { name: "fragments" } });
  for (const [command, format, kind, readers, said] of [
    [
      "restore",
      "gnu",
      DownloadWarningKind.READER_REFUSES,
      ["cocoon", "Go archive/tar"],
      /memory .*cocoon and Go archive\/tar refuse/,
    ],
    [
      "export",
      "cocoon",
      DownloadWarningKind.HOLES_FILLED,
      [],
      /smallest holes of memory are written as zeros/,
    ],
  ] as const) {
    const sparseFormat = { gnu: SparseFormat.GNU, cocoon: SparseFormat.COCOON }[format];
    await using download = await client[command]({ ref: "fragments", sparseFormat });
    const [warning, ...more] = download.header.warnings;
    assert.deepEqual(more, []);
    assert.equal(warning?.kind, kind);
    assert.equal(warning.file, "memory");
    assert.deepEqual(warning.readers, readers);
    assert.match(warning.message, said);
    // The reader consumes everything, because a reader that leaves early ends the writer with
    // SIGPIPE.
    const drain = { ...gnuTar, command: "cat >/dev/null" };
    const stasis = [process.execPath, mainPath, command, "fragments", "--sparse", format];
    const heard = await pipeInto(drain, scratch, stasis, env);
    assert.match(heard, said);
    assert.match(heard, /^stasis: warning: /m);
  }
});
