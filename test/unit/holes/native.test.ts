// Tests the native calls that Node does not have.
import assert from "node:assert/strict";
import { mkdir, open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  copyRange,
  renameWithoutReplace,
  reserveRange,
  seekData,
  seekHole,
  startWriteback,
} from "../../../src/holes/native.js";
import { withScratchDir } from "../../support/scratch.js";

test("offsets beyond 4 GiB and up to 2^53 reach the kernel unchanged", async () => {
  await withScratchDir(async (directory) => {
    await using handle = await open(join(directory, "file"), "wx+");
    const far = 8 * 1024 ** 4;
    await handle.write(Buffer.from("far"), 0, 3, far);
    assert.equal(seekData(handle.fd, 0), far);
    assert.equal(seekHole(handle.fd, far), far + 3);
    assert.equal(seekHole(handle.fd, 4096), 4096);
    assert.equal(seekData(handle.fd, far + 3), undefined);
    assert.equal(seekData(handle.fd, Number.MAX_SAFE_INTEGER), undefined);
  });
});

test("copyRange copies at one offset and does not move file positions", async () => {
  await withScratchDir(async (directory) => {
    await using source = await open(join(directory, "source"), "wx+");
    await using target = await open(join(directory, "target"), "wx+");
    const offset = 5 * 1024 ** 3 + 1;
    await source.write(Buffer.from("0123456789"), 0, 10, offset);
    assert.equal(await copyRange(source.fd, target.fd, offset + 2, 5), 5);
    assert.equal(await copyRange(source.fd, target.fd, offset + 10, 5), 0);
    const { buffer, bytesRead } = await target.read(Buffer.alloc(10), 0, 10, offset + 2);
    assert.equal(buffer.toString("latin1", 0, bytesRead), "23456");
    assert.equal((await target.read(Buffer.alloc(1), 0, 1, null)).buffer[0], 0);
  });
});

test("a failing call rejects with its own errno, also among many concurrent calls", async () => {
  await withScratchDir(async (directory) => {
    await using handle = await open(join(directory, "file"), "wx+");
    const calls = Array.from({ length: 600 }, (_, index) =>
      index % 2 === 0 ? startWriteback(9999, 0, 1) : reserveRange(handle.fd, 0, 4096),
    );
    const outcomes = await Promise.allSettled(calls);
    for (const [index, outcome] of outcomes.entries()) {
      assert.equal(outcome.status, index % 2 === 0 ? "rejected" : "fulfilled");
      if (outcome.status === "rejected") {
        assert.equal((outcome.reason as NodeJS.ErrnoException).code, "EBADF");
        assert.equal((outcome.reason as NodeJS.ErrnoException).syscall, "sync_file_range");
      }
    }
    const { size, blocks } = await handle.stat();
    assert.deepEqual({ size, allocated: blocks * 512 }, { size: 0, allocated: 4096 });
  });
});

test("renameWithoutReplace accepts names of any bytes and never replaces", async () => {
  await withScratchDir(async (directory) => {
    const from = join(directory, "von 'é' 日本");
    const to = join(directory, "nach\nß");
    await writeFile(from, "content");
    await renameWithoutReplace(from, to);
    assert.equal(await readFile(to, "utf8"), "content");
    await mkdir(from);
    await mkdir(join(directory, "empty"));
    await assert.rejects(renameWithoutReplace(from, join(directory, "empty")), { code: "EEXIST" });
    await assert.rejects(renameWithoutReplace(join(directory, "absent"), from), { code: "ENOENT" });
    assert.equal((await readdir(directory)).length, 3);
    assert.ok((await stat(from)).isDirectory());
  });
});
