// Tests file operations that are durable when they return.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  fsyncDirectory,
  removeTree,
  renameOnly,
  writeFileDurably,
  writeNewFile,
} from "../../../src/files/durable.js";
import { withIoError } from "../../../src/holes/errno.js";
import { cannotMount, withFilesystem, withScratchDir } from "../../support/scratch.js";

test("a file is written completely or replaced completely, and no other file remains", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    await writeFileDurably(path, Buffer.from("one"));
    await writeFileDurably(path, Buffer.from("two"), 0o644);
    assert.equal(await readFile(path, "utf8"), "two");
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    assert.deepEqual(await readdir(directory), ["file"]);
  });
});

test("a new file never replaces an existing one, and never follows a link", async () => {
  await withScratchDir(async (directory) => {
    await writeFile(join(directory, "file"), "old");
    await symlink(join(directory, "elsewhere"), join(directory, "link"));
    for (const name of ["file", "link"]) {
      await assert.rejects(writeNewFile(join(directory, name), Buffer.from("new")), {
        reason: "IO_FAILED",
      });
    }
    assert.deepEqual((await readdir(directory)).sort(), ["file", "link"]);
    assert.equal(await readFile(join(directory, "file"), "utf8"), "old");
  });
});

test(
  "a full disk keeps the old content and leaves no temporary file",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 1, async (directory) => {
      const path = join(directory, "file");
      await writeFileDurably(path, Buffer.from("old"));
      await assert.rejects(writeFileDurably(path, Buffer.alloc(2 * 1024 ** 2, 1)), {
        reason: "STORAGE_FULL",
      });
      assert.equal(await readFile(path, "utf8"), "old");
      assert.deepEqual(await readdir(directory), ["file"]);
    }),
);

test("a rename replaces nothing, not even an empty directory", async () => {
  await withScratchDir(async (directory) => {
    const [from, to] = [join(directory, "a", "from"), join(directory, "b", "to")];
    await mkdir(from, { recursive: true });
    await mkdir(to, { recursive: true });
    await assert.rejects(renameOnly(from, to), { code: "EEXIST" });
    await removeTree(to);
    await renameOnly(from, to);
    assert.deepEqual(await readdir(join(directory, "a")), []);
    assert.deepEqual(await readdir(join(directory, "b")), ["to"]);
    await assert.rejects(renameOnly(from, to), { code: "ENOENT" });
  });
});

test("a rename between filesystems is CROSS_FILESYSTEM", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 1, async (other) => {
    await withScratchDir(async (directory) => {
      const context = { what: "rename the directory", path: directory };
      const rename = (): Promise<void> => renameOnly(directory, join(other, "to"));
      await assert.rejects(withIoError(context, rename), {
        reason: "CROSS_FILESYSTEM",
      });
    });
  }),
);

test("a path that is not a directory cannot be made durable", async () => {
  await withScratchDir(async (directory) => {
    await fsyncDirectory(directory);
    await writeFile(join(directory, "file"), "");
    await assert.rejects(fsyncDirectory(join(directory, "file")), { reason: "IO_FAILED" });
    await assert.rejects(fsyncDirectory(join(directory, "absent")), { reason: "IO_FAILED" });
  });
});

test("removing does not follow links, and accepts a missing path", async () => {
  await withScratchDir(async (directory) => {
    await mkdir(join(directory, "keep"));
    await writeFile(join(directory, "keep", "file"), "");
    await mkdir(join(directory, "tree"));
    await symlink(join(directory, "keep"), join(directory, "tree", "link"));
    await removeTree(join(directory, "tree"));
    await removeTree(join(directory, "tree"));
    assert.deepEqual(await readdir(join(directory, "keep")), ["file"]);
  });
});
