// Tests copies of sparse files.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { disk, replaceFileOperations } from "../../../src/holes/file-operations.js";
import { copySparse, shareBlocks, supportsReflink } from "../../../src/holes/sparse-copy.js";
import {
  allocatedBytesOf,
  cannotMount,
  compareFiles,
  makeSparseFile,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const options = { mode: 0o640, sync: true };

async function makeDisk(path: string): Promise<void> {
  await makeSparseFile(path, 10 * gib + 123, [
    { offset: 64 * 1024, bytes: patternBytes(5 * mib, 1) },
    { offset: 5 * gib, bytes: patternBytes(20 * mib, 2) },
    { offset: 10 * gib, bytes: patternBytes(123, 3) },
  ]);
}

test("ext4: the kernel copies the file, extent by extent", { skip: cannotMount("ext4") }, () =>
  withFilesystem("ext4", 200, async (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")];
    await makeDisk(from);
    assert.equal(await supportsReflink(directory), false);
    const copied = await copySparse(from, to, options);
    assert.equal(copied.method, "extents");
    assert.equal(copied.sizeBytes, 10 * gib + 123);
    assert.ok(copied.allocatedBytes < 26 * mib, `${copied.allocatedBytes} bytes`);
    await compareFiles(to, from);
    assert.equal((await stat(to)).mode & 0o7777, 0o640);
  }),
);

for (const kind of ["xfs", "btrfs"] as const) {
  test(`${kind}: the copy shares the blocks`, { skip: cannotMount(kind) }, () =>
    withFilesystem(kind, 400, async (directory) => {
      const [from, to] = [join(directory, "from"), join(directory, "to")];
      await makeDisk(from);
      assert.equal(await supportsReflink(directory), true);
      assert.deepEqual(await readdir(directory), ["from"], "the trial leaves nothing");
      execFileSync("sync", ["-f", directory]);
      const freeBefore = freeBytes(directory);
      const copied = await copySparse(from, to, options);
      assert.equal(copied.method, "reflink");
      await compareFiles(to, from);
      assert.equal((await stat(to)).mode & 0o7777, 0o640);
      execFileSync("sync", ["-f", directory]);
      assert.ok(freeBefore - freeBytes(directory) < 2 * mib, "25 MiB were shared, not copied");
    }),
  );
}

test(
  "between filesystems the file is read and written, and its holes are kept",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 64, async (other) => {
      await withScratchDir(async (directory) => {
        const [from, to] = [join(directory, "from"), join(other, "to")];
        await makeDisk(from);
        const copied = await copySparse(from, to, options);
        assert.equal(copied.method, "bytes");
        await compareFiles(to, from);
        assert.ok((await allocatedBytesOf(to)) < 26 * mib);
      });
    }),
);

test("empty files, files of holes and unreadable modes are copied", async () => {
  await withScratchDir(async (directory) => {
    for (const sizeBytes of [0, 1, 4097, 5 * gib]) {
      const [from, to] = [join(directory, `from-${sizeBytes}`), join(directory, `to-${sizeBytes}`)];
      await makeSparseFile(from, sizeBytes, []);
      const copied = await copySparse(from, to, { mode: 0, sync: false });
      assert.equal(copied.sizeBytes, sizeBytes);
      assert.equal(copied.allocatedBytes, 0);
      assert.equal((await stat(to)).mode & 0o777, 0o400);
      await compareFiles(to, from);
    }
  });
});

test("an existing target is not changed", async () => {
  await withScratchDir(async (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")];
    await writeFile(from, "new");
    await writeFile(to, "old");
    await assert.rejects(copySparse(from, to, options), { reason: "IO_FAILED" });
    assert.equal(await readFile(to, "utf8"), "old");
  });
});

test("only a regular file is copied, and a mistake of the caller is reported as such", async () => {
  await withScratchDir(async (directory) => {
    const to = join(directory, "to");
    await mkdir(join(directory, "directory"));
    await symlink("/etc/hostname", join(directory, "link"));
    execFileSync("mkfifo", [join(directory, "pipe")]);
    for (const name of ["directory", "link", "pipe"]) {
      const copying = copySparse(join(directory, name), to, { ...options, sourceOwner: "caller" });
      await assert.rejects(copying, { reason: "FIELD_INVALID" }, name);
    }
    const absent = join(directory, "absent");
    await assert.rejects(copySparse(absent, to, { ...options, sourceOwner: "caller" }), {
      reason: "DIRECTORY_NOT_FOUND",
    });
    await assert.rejects(copySparse(absent, to, options), { reason: "IO_FAILED" });
    assert.deepEqual((await readdir(directory)).sort(), ["directory", "link", "pipe"]);
  });
});

test("a full disk leaves no partial copy", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 12, async (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")];
    await makeSparseFile(from, 8 * mib, [{ offset: 0, bytes: patternBytes(8 * mib, 1) }]);
    await assert.rejects(copySparse(from, to, options), { reason: "STORAGE_FULL" });
    await withScratchDir(async (elsewhere) => {
      const outside = join(elsewhere, "from");
      await makeSparseFile(outside, 8 * mib, [{ offset: 0, bytes: patternBytes(8 * mib, 1) }]);
      await assert.rejects(copySparse(outside, to, options), { reason: "STORAGE_FULL" });
    });
    assert.deepEqual(await readdir(directory), ["from"]);
  }),
);

test("an abort leaves no partial copy", async () => {
  await withScratchDir(async (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")];
    await makeDisk(from);
    const signal = AbortSignal.abort();
    await assert.rejects(copySparse(from, to, { ...options, signal }), { name: "AbortError" });
    assert.deepEqual(await readdir(directory), ["from"]);
  });
});

function freeBytes(directory: string): number {
  const text = execFileSync("df", ["--output=avail", "-B1", directory], { encoding: "utf8" });
  return Number(text.split("\n")[1]);
}

test("a reflink that the filesystem left short is an error, and leaves nothing behind", () =>
  withScratchDir(async (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")];
    await writeFile(from, patternBytes(2 * mib, 4));
    using short = replaceFileOperations({
      ...disk,
      cloneFile: async (source, target) => {
        await disk.copyRange(source, target, 0, mib);
      },
    });
    assert.ok(short);
    for (const copy of [copySparse, shareBlocks]) {
      await assert.rejects(copy(from, to, options), {
        reason: "IO_FAILED",
        message: `the copy ${to} has 1 MiB, expected 2 MiB`,
      });
      assert.deepEqual(await readdir(directory), ["from"]);
    }
  }));
