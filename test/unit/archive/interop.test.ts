// Tests that we read tar archives of other programs, and that these programs unpack our archives.
// The programs are the installed GNU tar and bsdtar, and the library tar-stream.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { pack } from "tar-stream";
import { lend } from "../../../src/wire/chunk.js";
import { decompress } from "../../../src/archive/compression.js";
import { writeTar, type ArchiveFile } from "../../../src/archive/tar-writer.js";
import { dataExtents, readExtents } from "../../../src/holes/extents.js";
import { collect, oneChunk, readAll } from "./support.js";

const run = promisify(execFile);
const blockBytes = 4096;

/**
 * The content of each file: its data as pairs of offset and bytes, and its size. Offsets are whole
 * blocks.
 */
const contents: Record<
  string,
  { sizeBytes: number; data: readonly (readonly [number, number])[] }
> = {
  "all-hole": { sizeBytes: 20 * blockBytes, data: [] },
  "cow.raw": {
    sizeBytes: 300 * blockBytes + 100,
    data: [
      [0, 3 * blockBytes],
      [50 * blockBytes, 700],
      [200 * blockBytes, blockBytes],
    ],
  },
  empty: { sizeBytes: 0, data: [] },
  // The file has more segments than an old GNU header and one continuation block can contain.
  fragments: {
    sizeBytes: 100 * blockBytes,
    data: Array.from({ length: 40 }, (_, i) => [i * 2 * blockBytes, blockBytes] as const),
  },
  memory: { sizeBytes: 10 * blockBytes + 1, data: [[0, 10 * blockBytes + 1]] },
  "ends-with-data-größe": {
    sizeBytes: 9 * blockBytes + 5,
    data: [[8 * blockBytes, blockBytes + 5]],
  },
  [`long-${"n".repeat(120)}`]: { sizeBytes: 5000, data: [[0, 5000]] },
};
const names = Object.keys(contents).sort();

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-archive-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function makeFiles(directory: string): Promise<void> {
  for (const [name, { sizeBytes, data }] of Object.entries(contents)) {
    await using file = await open(join(directory, name), "wx", 0o640);
    await file.truncate(sizeBytes);
    for (const [offset, length] of data) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => 1 + ((offset + i * 7) % 255)));
      await file.write(bytes, 0, length, offset);
    }
    await file.sync();
  }
}

async function hasProgram(t: TestContext, program: string): Promise<boolean> {
  try {
    await run(program, ["--version"]);
    return true;
  } catch {
    t.skip(`${program} is not installed`);
    return false;
  }
}

/** Returns the files of a directory as the writer accepts them. */
async function* filesOf(directory: string): AsyncGenerator<ArchiveFile> {
  for (const name of names) {
    await using handle = await open(join(directory, name), "r");
    const { size, mode } = await handle.stat();
    const extents = dataExtents(handle.fd, size);
    yield {
      name,
      mode,
      sizeBytes: size,
      extents,
      pieces: () => readExtents(handle, extents ?? [{ offset: 0, length: size }]),
    };
  }
}

async function expectSameFiles(archive: Buffer, directory: string): Promise<void> {
  const files = await readAll(decompress(oneChunk(archive)));
  assert.deepEqual(files.map(({ name }) => name).sort(), names);
  for (const { name, bytes, mode } of files) {
    assert.deepEqual(bytes, await readFile(join(directory, name)), name);
    assert.equal(mode, 0o640);
  }
}

async function extentsOf(path: string): Promise<unknown> {
  await using handle = await open(path, "r");
  return dataExtents(handle.fd, (await handle.stat()).size);
}

const gnuTar = ["--sort=name", "-C"];
const foreign: [title: string, program: string, args: string[], keepsHoles: boolean][] = [
  ["GNU tar, pax, sparse 1.0", "tar", ["-c", "-S", "--format=posix", ...gnuTar], true],
  [
    "GNU tar, pax, sparse 0.1",
    "tar",
    ["-cS", "--format=posix", "--sparse-version=0.1", ...gnuTar],
    true,
  ],
  [
    "GNU tar, pax, sparse 0.0",
    "tar",
    ["-cS", "--format=posix", "--sparse-version=0.0", ...gnuTar],
    true,
  ],
  ["GNU tar, its own format, sparse", "tar", ["-c", "-S", "--format=gnu", ...gnuTar], true],
  ["GNU tar, its own format", "tar", ["-c", "--format=gnu", ...gnuTar], false],
  ["GNU tar, pax", "tar", ["-c", "--format=posix", ...gnuTar], false],
  ["GNU tar, its old format", "tar", ["-c", "-S", "--format=oldgnu", ...gnuTar], true],
  [
    "GNU tar, xattrs and gzip",
    "tar",
    ["-c", "-z", "-S", "--xattrs", "--format=posix", ...gnuTar],
    true,
  ],
  ["bsdtar, pax", "bsdtar", ["-c", "--format=pax", "-C"], true],
  ["bsdtar, its default", "bsdtar", ["-c", "-C"], true],
  ["bsdtar, GNU's format", "bsdtar", ["-c", "--format=gnutar", "-C"], false],
  ["bsdtar, zstd", "bsdtar", ["-c", "--zstd", "-C"], true],
];

for (const [title, program, args, keepsHoles] of foreign) {
  for (const what of [".", "each file"]) {
    test(`an archive of ${what} that ${title} wrote is read`, async (t) => {
      if (!(await hasProgram(t, program))) return;
      const directory = await scratch(t);
      await makeFiles(directory);
      const archive = join(await scratch(t), "archive");
      const packed = what === "." ? ["."] : names;
      await run(program, ["-f", archive, ...args, directory, ...packed]);
      const bytes = await readFile(archive);
      await expectSameFiles(bytes, directory);
      if (keepsHoles && (await extentsOf(join(directory, "cow.raw"))) !== undefined) {
        const files = await readAll(decompress(oneChunk(bytes)));
        const disk = files.find(({ name }) => name === "cow.raw");
        assert.ok((disk?.extents?.length ?? 0) >= 3, "the holes came along");
      }
    });
  }
}

test("ustar archives of GNU tar, which have no long names, are read", async (t) => {
  if (!(await hasProgram(t, "tar"))) return;
  const directory = await scratch(t);
  await makeFiles(directory);
  const { stdout } = await run(
    "tar",
    ["-c", "--format=ustar", "-C", directory, "cow.raw", "memory", "empty"],
    { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 },
  );
  for (const { name, bytes } of await readAll(oneChunk(stdout))) {
    assert.deepEqual(bytes, await readFile(join(directory, name)));
  }
});

for (const program of ["tar", "bsdtar"]) {
  for (const sparseFormat of ["gnu", "none"] as const) {
    test(`${program} unpacks our ${sparseFormat} archives to the same files`, async (t) => {
      if (!(await hasProgram(t, program))) return;
      const [from, to, other] = [await scratch(t), await scratch(t), await scratch(t)];
      await makeFiles(from);
      const archive = join(other, "archive.tar");
      await writeFile(archive, lend(writeTar(filesOf(from), { sparseFormat })));
      const { stderr } = await run(program, ["-x", "-p", "-f", archive, "-C", to]);
      assert.equal(stderr, "");
      for (const name of names) {
        const [source, unpacked] = [join(from, name), join(to, name)];
        assert.deepEqual(await readFile(unpacked), await readFile(source), name);
        assert.equal((await stat(unpacked)).mode & 0o777, 0o640);
        if (sparseFormat === "none") continue;
        assert.deepEqual(await extentsOf(unpacked), await extentsOf(source), `holes of ${name}`);
      }
    });
  }
}

test("GNU tar accepts our output for cocoon without a warning", async (t) => {
  if (!(await hasProgram(t, "tar"))) return;
  const [from, other] = [await scratch(t), await scratch(t)];
  await makeFiles(from);
  const archive = join(other, "archive.tar");
  const envelope = Buffer.from("{}\n");
  const tar = writeTar(filesOf(from), { envelope, sparseFormat: "cocoon" });
  await writeFile(archive, lend(tar));
  const { stdout } = await run("tar", [
    "-tf",
    archive,
    "--quoting-style=literal",
    "--warning=no-unknown-keyword",
  ]);
  assert.deepEqual(stdout.trimEnd().split("\n"), ["snapshot.json", ...names]);
  const { stdout: listed } = await run("tar", ["-tvf", archive, "--warning=no-unknown-keyword"]);
  assert.equal(listed.split("\n").length, names.length + 2);
});

test("tar unpacks our gzip and zstd archives", async (t) => {
  if (!(await hasProgram(t, "tar")) || !(await hasProgram(t, "zstd"))) return;
  const { compress } = await import("../../../src/archive/compression.js");
  for (const [compression, flag] of [
    ["gzip", "-z"],
    ["zstd", "--zstd"],
  ] as const) {
    const [from, to, other] = [await scratch(t), await scratch(t), await scratch(t)];
    await makeFiles(from);
    const archive = join(other, "archive");
    const tar = writeTar(filesOf(from), { sparseFormat: "gnu" });
    await writeFile(archive, lend(compress(tar, compression)));
    await run("tar", ["-x", flag, "-f", archive, "-C", to]);
    for (const name of names) {
      assert.deepEqual(await readFile(join(to, name)), await readFile(join(from, name)), name);
    }
  }
});

test("archives of tar-stream are read, including long names and sizes above 8 GiB", async () => {
  const stream = pack();
  const content = Buffer.from("content");
  const long = "n".repeat(200);
  stream.entry({ name: "a" }, content);
  stream.entry({ name: long }, content);
  stream.entry({ name: "größe", pax: { comment: "two\nlines=1" } }, content);
  stream.finalize();
  const files = await readAll(oneChunk(await collect(stream as AsyncIterable<Uint8Array>)));
  assert.deepEqual(
    files.map(({ name, bytes }) => [name, bytes.toString()]),
    ["a", long, "größe"].map((name) => [name, "content"]),
  );
});
